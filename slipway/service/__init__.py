"""Read the service to update: its checkout, its answers file, and the Git history of that file."""
