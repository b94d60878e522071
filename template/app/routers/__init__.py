"""The API. Every module of this package has a `router`; adding a file is enough."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import FastAPI

from app.settings import PREFIX


def install(app: FastAPI) -> None:
    """Serve every router below the API's prefix."""
    for module in iter_modules(__path__, f"{__name__}."):
        app.include_router(import_module(module.name).router, prefix=PREFIX)
