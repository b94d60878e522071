"""Subscriptions of authenticated callers, limited to rows that they may read.

A browser cannot set headers of a WebSocket, so it sends the token as a subprotocol. The query
string must not contain the token, since proxies log the URL.
"""

from typing import Any

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from app.auth import PUBLIC, SIGNED_IN, Caller, identify, optional_caller
from app.errors import Forbidden, Unauthenticated
from app.logging import client_address
from app.scope import ALL, NONE, Scope
from app.settings import PREFIX
from app.websockets.channels import Channel, Channels
from app.websockets.endpoints import router
from app.websockets.hub import HUB
from app.websockets.subscriber import ReadAccess

BEARER = "bearer."  # prefix of the subprotocol that carries a token


class TokenSubprotocol:
    """Middleware that moves a WebSocket's token from the subprotocol to `Authorization`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Set the `Authorization` header if a subprotocol contains a token."""
        if scope["type"] == "websocket":
            tokens = [each for each in scope["subprotocols"] if each.startswith(BEARER)]
            if tokens:
                token = tokens[0].removeprefix(BEARER).encode()
                header = (b"authorization", b"Bearer " + token)
                scope = {**scope, "headers": [*scope["headers"], header]}
        await self.app(scope, receive, send)


async def authorize(connection: HTTPConnection, channels: Channels) -> ReadAccess:
    """Return the scope of each channel that the caller may read.

    Anonymous callers may read the channels of public resources.

    Raises:
        Unauthenticated: the credentials are invalid, expired or revoked, or they are missing
            and no resource is public.
    """
    authentication = await identify(connection)
    is_public = any(channel.policy is PUBLIC for channel in channels.values())
    caller = authentication.optional() if is_public else authentication.required()
    scopes = {name: _scope(caller, channel) for name, channel in channels.items()}
    readable = {name: scope for name, scope in scopes.items() if scope != NONE}
    if caller is None:
        address = client_address(connection)
        return ReadAccess(address, readable, Unauthenticated)
    return ReadAccess(caller.name, readable)


def _scope(caller: Caller | None, channel: Channel) -> Scope:
    """Return the scope that the caller may read in a channel.

    The scope is empty if the resource's router has no `READ`.
    """
    if channel.policy is PUBLIC:
        return ALL
    if caller is None:
        return NONE
    if not channel.is_resource:
        return Scope(caller.user.id)
    if channel.policy is SIGNED_IN:
        return ALL
    policy: Any = getattr(channel.policy, "dependency", None)
    try:
        scope: Scope = policy.scope(caller) if hasattr(policy, "scope") else NONE
    except Forbidden:
        return NONE
    return scope


def install(app: FastAPI) -> None:
    """Require subscribers to authenticate, except in channels of public resources.

    A subscriber's token may be in a WebSocket subprotocol.
    """
    HUB.get(app).authorize = authorize
    app.add_middleware(TokenSubprotocol)
    app.include_router(router, prefix=PREFIX, dependencies=[Depends(optional_caller)])
