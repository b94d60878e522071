"""Root path: the prefix of all paths of the service at a reverse proxy, such as `/shop`.

Some proxies remove the prefix from requests, others do not. Both kinds of requests are routed, and
health checks without the prefix, too. In ASGI, `root_path` is the prefix, and `path` contains it.
"""

import re

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import Field, field_validator
from starlette.types import ASGIApp, Receive, Scope, Send

from app import settings

ROOT_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")  # unreserved characters (RFC 3986)


class RootPathSettings(settings.EnvironmentSettings):
    """Setting of the root path."""

    root_path: str = Field(
        "", description="Set it to a prefix without a slash at the end, as in /shop; / for none."
    )

    @field_validator("root_path")
    @classmethod
    def check_segments(cls, value: str) -> str:
        """Reject a value that is not a path prefix, or contains characters that a URL encodes."""
        path = "" if value == "/" else value
        if not ROOT_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            message = "It is not a path of letters, digits, hyphens, periods, _ and ~"
            raise ValueError(message)
        return path


def root_path(scope: Scope) -> str:
    """Return the root path of the service, also for a request to a mounted application."""
    path: str = scope.get("app_root_path", scope.get("root_path", ""))
    return path


def route_path(scope: Scope) -> str:
    """Return the path of a request without the root path, as routes declare it."""
    path: str = scope["path"]
    root = root_path(scope)
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


class RootPath:
    """Middleware that adds the root path to a path from which a proxy has removed it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Complete the path of a request."""
        if scope["type"] in {"http", "websocket"}:
            root, path = root_path(scope), scope["path"]
            if route_path(scope) == path:
                raw_path = root.encode() + scope.get("raw_path", b"")
                scope = {**scope, "path": f"{root}{path}", "raw_path": raw_path}
        await self.app(scope, receive, send)


def install(app: FastAPI) -> None:
    """Set the root path of the application; call it last.

    Raises:
        ConfigurationError: a path of the service starts with the root path, so that it is not known
            whether a proxy has removed the root path from a request.
    """
    root = settings.read(RootPathSettings).root_path
    if not root:
        return
    paths = {context.path for context in iter_route_contexts(app.routes) if context.path}
    if conflicts := sorted(path for path in paths if f"{path}/".startswith(f"{root}/")):
        message = f"ROOT_PATH: {conflicts[0]} is a path of the service. Set it to another prefix."
        raise settings.ConfigurationError(message)
    app.root_path = root
    app.add_middleware(RootPath)
