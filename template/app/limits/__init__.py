"""The limits of what a client may send, and of how long it may take to send or to read."""
