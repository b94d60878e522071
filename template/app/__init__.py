"""The service: `main` builds it, `__main__` runs it."""
