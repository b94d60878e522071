"""Changes for those who may read what has changed, and only for as long as they may.

Browsers cannot set headers of a WebSocket; they show a token as a subprotocol instead. None is
taken from an address, which servers on the way write down.
"""

from collections.abc import Sequence
from inspect import isawaitable
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import SIGNED_IN, Caller, current_caller, identify
from app.errors import Error, Forbidden, Unauthenticated
from app.routers import PREFIX
from app.websockets.broadcasting import Hub, Rooms
from app.websockets.listener import Ears
from app.websockets.listening import router

BEARER = "bearer."  # with what follows, a subprotocol that shows a token
NEEDS = (  # of a dependency that asks for more than others give
    *("path_params", "query_params", "header_params", "cookie_params", "body_params"),
    *("request_param_name", "websocket_param_name", "http_connection_param_name"),
    *("response_param_name", "background_tasks_param_name", "security_scopes_param_name"),
)


class Subprotocols:
    """Has a token that is shown as a subprotocol stand where all others do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Move the token of a WebSocket to its header."""
        if scope["type"] == "websocket":
            shown = [each for each in scope["subprotocols"] if each.startswith(BEARER)]
            if shown:
                token = shown[0].removeprefix(BEARER).encode()
                header = (b"authorization", b"Bearer " + token)
                scope = {**scope, "headers": [*scope["headers"], header]}
        await self.app(scope, receive, send)


async def known(connection: HTTPConnection, rooms: Rooms) -> Ears:
    """Say what a caller hears: what the routes would show them.

    Raises:
        Unauthenticated: nobody calls who is known, or no longer.
    """
    caller = await identify(connection)
    if isinstance(caller, Error):
        raise caller
    if caller is None:
        message = "Sign in first."
        raise Unauthenticated(message)
    reach: dict[str, UUID | None] = {}
    for name, routes in rooms.items():
        try:
            reach[name] = await whose(caller, routes) if routes else caller.user.id
        except Forbidden:
            continue
    return Ears(caller.name, reach)


async def whose(caller: Caller, routes: Sequence[Dependant]) -> UUID | None:
    """Say whose rows some routes would show: everybody's (None), or the caller's own.

    Raises:
        Forbidden: they show none, or nobody can say without a request.
    """
    found = [
        await _answer(caller, dependency) for route in routes for dependency in route.dependencies
    ]
    return next((each for each in found if isinstance(each, UUID)), None)


async def _answer(caller: Caller, dependant: Dependant) -> Any:  # noqa: ANN401
    """Ask a dependency that needs nothing but the caller; others have no say."""
    if dependant.call is current_caller:
        return caller
    if not _is_about_callers(dependant):
        return None
    if dependant.call is None or not _needs_nothing_else(dependant):
        message = "This depends on more than who calls."
        raise Forbidden(message)
    given = {each.name: await _answer(caller, each) for each in dependant.dependencies}
    found = dependant.call(**{name: value for name, value in given.items() if name})
    return await found if isawaitable(found) else found


def _is_about_callers(dependant: Dependant) -> bool:
    below = dependant.dependencies
    return dependant.call is current_caller or any(map(_is_about_callers, below))


def _needs_nothing_else(dependant: Dependant) -> bool:
    is_asking = any(getattr(dependant, need) for need in NEEDS)
    return not is_asking and all(map(_is_about_callers, dependant.dependencies))


def install(app: FastAPI) -> None:
    """Let those listen who have signed in."""
    hub: Hub = app.state.hub
    hub.audience = known
    app.add_middleware(Subprotocols)
    app.include_router(router, prefix=PREFIX, dependencies=[SIGNED_IN])
