"""The service: `main` is the application factory, `__main__` the command line."""
