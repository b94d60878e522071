"""A service: its checkout, its answers file and the history of that file."""
