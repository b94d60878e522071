"""Routers with HTTP endpoints, one per module.

The application includes the `router` of every module in this package.
"""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import FastAPI

from app.settings import PREFIX


def install(app: FastAPI) -> None:
    """Add the routers of all modules to the application, under `/api/v1`."""
    for module in iter_modules(__path__, f"{__name__}."):
        app.include_router(import_module(module.name).router, prefix=PREFIX)
