"""The API. Every module of this package has a `router`; adding a file is enough."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI

PREFIX = "/api/v1"


def install(app: FastAPI) -> None:
    """Serve every router below the API's prefix."""
    api = APIRouter(prefix=PREFIX)
    for module in iter_modules(__path__, f"{__name__}."):
        api.include_router(import_module(module.name).router)
    app.include_router(api)
