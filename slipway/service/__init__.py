"""The service to update: its checkout, its answers file, and the history of that file."""
