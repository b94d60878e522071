"""FastAPI application and command line of the service.

`app.main` creates the FastAPI application. `app.__main__` is the command line.
"""
