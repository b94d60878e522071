"""The pages that show the API: served from this process, so that they open without the internet."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

ASSETS = "/docs/assets"
REDIRECT = "/docs/oauth2-redirect"
# The page may load what is served here, and run what it came with; nobody may frame it. It may call
# this service, and those at which people sign in.
POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
    "img-src 'self' data:; connect-src {callable}; "
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
        oauth2_redirect_url=f"{root}{REDIRECT}",
        init_oauth=request.app.swagger_ui_init_oauth,
        swagger_ui_parameters={"displayRequestDuration": True, "tryItOutEnabled": True},
    )
    return _restricted(page, "same-origin-allow-popups", _origins(request.app.openapi()))


@router.get(REDIRECT, response_class=HTMLResponse)
async def redirect() -> HTMLResponse:
    """Take over what somebody brings who has signed in elsewhere, in a window of the page's."""
    return _restricted(get_swagger_ui_oauth2_redirect_html(), "unsafe-none")


def _restricted(page: HTMLResponse, opener: str, origins: Iterable[str] = ()) -> HTMLResponse:
    """Tell browsers what a page may do, and whether the one that opened it may talk to it."""
    sources = " ".join(["'self'", *origins])
    policy = POLICY.format(digest=_digest(bytes(page.body)), callable=sources)
    page.headers["Content-Security-Policy"] = policy
    page.headers["Cross-Origin-Opener-Policy"] = opener
    return page


def _digest(page: bytes) -> str:
    """Name the page's own script, the last in it, by what it holds (CSP 3, section 2.3.1)."""
    script = page.rpartition(b"<script>")[2].partition(b"</script>")[0]
    return b64encode(sha256(script).digest()).decode()


def _origins(description: dict[str, Any]) -> list[str]:
    """List where people sign in that is not here, as the API's description says it."""
    schemes = description.get("components", {}).get("securitySchemes", {}).values()
    parts = [urlsplit(url) for scheme in schemes for url in _urls(scheme)]
    return sorted({f"{part.scheme}://{part.netloc}" for part in parts if part.netloc})


def _urls(scheme: dict[str, Any]) -> Iterator[str]:
    yield scheme.get("openIdConnectUrl", "")
    for flow in scheme.get("flows", {}).values():
        yield flow.get("tokenUrl", "")


def install(app: FastAPI) -> None:
    """Serve the pages, where the API's description is served."""
    if app.openapi_url is None:
        return
    assets = files("fastapi_offline") / "static"
    app.mount(ASSETS, StaticFiles(directory=str(assets)), name="docs")
    app.include_router(router)
