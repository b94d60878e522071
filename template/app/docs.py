"""The pages that show the API: served from this process, so that they open without the internet."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

ASSETS = "/docs/assets"
# The page may load what is served here, and run what it came with; nobody may frame it.
POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """Show the API as a page on which it can be tried."""
    root = request.scope.get("root_path", "").rstrip("/")
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}/static/favicon.svg",
        swagger_ui_parameters={"displayRequestDuration": True, "tryItOutEnabled": True},
    )
    page.headers["Content-Security-Policy"] = POLICY.format(digest=_digest(bytes(page.body)))
    return page


def _digest(page: bytes) -> str:
    """Name the page's own script, the last in it, by what it holds (CSP 3, section 2.3.1)."""
    script = page.rpartition(b"<script>")[2].partition(b"</script>")[0]
    return b64encode(sha256(script).digest()).decode()


def install(app: FastAPI) -> None:
    """Serve the pages, where the API's description is served."""
    if app.openapi_url is None:
        return
    assets = files("fastapi_offline") / "static"
    app.mount(ASSETS, StaticFiles(directory=str(assets)), name="docs")
    app.include_router(router)
