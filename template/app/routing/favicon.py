"""Icon of the service at `/favicon.ico`, which browsers request without a link."""

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

PATH = "/favicon.ico"

router = APIRouter(include_in_schema=False)
static = StaticFiles(packages=[("app", "static")])


@router.get(PATH)
async def favicon(request: Request) -> Response:
    """Return the icon, an SVG image, as the mount of static files does."""
    return await static.get_response("favicon.svg", request.scope)


def install(app: FastAPI) -> None:
    """Install the route of the icon."""
    app.include_router(router)
