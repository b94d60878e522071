"""The service: `app.main` creates the FastAPI application, `app.__main__` is its command line."""
