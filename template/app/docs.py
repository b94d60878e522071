"""Swagger UI at `/docs`, with assets from this process instead of a CDN.

A request for `/` is redirected to it, unless the service has a route for `/`.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app.routing import favicon
from app.routing.root_path import root_path, route_path

ASSETS = "/docs/assets"
REDIRECT = "/docs/oauth2-redirect"
# Content-Security-Policy: assets of this origin and the inline script (by its hash), no framing,
# and calls to this service and to the identity provider only.
POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
    "img-src 'self' data:; connect-src {sources}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """Return the HTML page of Swagger UI."""
    root = root_path(request.scope)
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
    return _secured(page, "same-origin-allow-popups", _login_origins(request.app.openapi()))


@router.get(REDIRECT, response_class=HTMLResponse)
async def redirect() -> HTMLResponse:
    """Return the OAuth 2.0 redirect page, a popup that passes the login code to Swagger UI."""
    return _secured(get_swagger_ui_oauth2_redirect_html(), "unsafe-none")


def _secured(page: HTMLResponse, opener: str, origins: Iterable[str] = ()) -> HTMLResponse:
    """Add Content-Security-Policy and Cross-Origin-Opener-Policy headers to a page."""
    sources = " ".join(["'self'", *origins])
    policy = POLICY.format(digest=_digest(bytes(page.body)), sources=sources)
    page.headers["Content-Security-Policy"] = policy
    page.headers["Cross-Origin-Opener-Policy"] = opener
    return page


def _digest(page: bytes) -> str:
    """Return the CSP hash of the page's last inline script (CSP 3, section 2.3.1)."""
    script = page.rpartition(b"<script>")[2].partition(b"</script>")[0]
    return b64encode(sha256(script).digest()).decode()


def _login_origins(schema: dict[str, Any]) -> list[str]:
    """Return the origins that Swagger UI may contact for logins."""
    schemes = schema.get("components", {}).get("securitySchemes", {}).values()
    parts = [urlsplit(url) for scheme in schemes for url in _urls(scheme)]
    return sorted({f"{part.scheme}://{part.netloc}" for part in parts if part.netloc})


def _urls(scheme: dict[str, Any]) -> Iterator[str]:
    yield scheme.get("openIdConnectUrl", "")
    for flow in scheme.get("flows", {}).values():
        yield flow.get("tokenUrl", "")


class RedirectToDocs:
    """Handler of requests that no route matches, which redirects `GET /` to Swagger UI."""

    def __init__(self, default: ASGIApp) -> None:
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect a request for `/`, and leave any other to the previous handler."""
        is_root = scope["type"] == "http" and route_path(scope) == "/"
        is_page = is_root and scope["method"] in {"GET", "HEAD"}
        page = RedirectResponse(f"{root_path(scope)}/docs") if is_page else self.default
        await page(scope, receive, send)


def install(app: FastAPI) -> None:
    """Install the icon, and Swagger UI unless `/openapi.json` is disabled."""
    favicon.install(app)
    if app.openapi_url is None:
        return
    assets = files("fastapi_offline") / "static"
    app.mount(ASSETS, StaticFiles(directory=str(assets)), name="docs")
    app.include_router(router)
    app.router.default = RedirectToDocs(app.router.default)
