"""What the command can be asked to do: one module each, and what they read and print."""
