"""Endpoints that send change events: by WebSocket, and as server-sent events (SSE)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.errors import Forbidden, NotFound, Unauthenticated, Unavailable, error_responses
from app.websockets.cross_origin import check_origin
from app.websockets.hub import Hub, Sockets, TooManySockets
from app.websockets.message import (
    BINARY,
    DISCONNECTED,
    EXPIRED,
    MALFORMED,
    Closing,
    Message,
    reply,
    to_json,
)
from app.websockets.subscriber import ReadAccess, Subscriber

PROTOCOL = "changes"  # subprotocol, besides the one that carries a token
CLOSE_TIMEOUT = 1.0  # seconds
RETRY = 3000  # milliseconds until an EventSource reconnects

log = structlog.get_logger()
router = APIRouter(prefix="/changes", tags=["changes"])


class ClientMessage(BaseModel):
    """A client's message, to subscribe to a resource or to unsubscribe from it."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe", "unsubscribe"]
    resource: str


async def subscribe(
    connection: HTTPConnection,
    hub: Sockets,
    resource: Annotated[
        list[str] | None,
        Query(description="Resources to subscribe to; by default all that the caller may read."),
    ] = None,
) -> AsyncGenerator[Subscriber, None]:
    """Subscribe the caller while the connection is open.

    Raises:
        NotFound: the resource does not exist.
        Forbidden: the caller may not read the resource, or the origin is not allowed.
        Unauthenticated: an anonymous caller may not read the resource.
    """
    check_origin(connection, hub.origins)
    access = await hub.authorize(connection, hub.channels)
    for channel in resource or ():
        _check(hub, access, channel)
    with hub.subscribing(access, set(resource) if resource else None) as subscriber:
        yield subscriber


Subscription = Annotated[Subscriber, Depends(subscribe)]


def _check(hub: Hub, access: ReadAccess, channel: str) -> None:
    if channel not in hub.channels:
        message = f"Resource {channel} does not exist."
        raise NotFound(message)
    if channel not in access.scopes:
        message = f"You may not read {channel}."
        raise access.denied(message)


async def next_message(
    connection: HTTPConnection, hub: Hub, subscriber: Subscriber
) -> Message | None:
    """Wait for the next message; at each heartbeat, check the authorization again."""
    loop = asyncio.get_running_loop()
    while True:
        if loop.time() >= subscriber.due:
            await _reauthorize(connection, hub, subscriber)
            subscriber.due = loop.time() + hub.config.heartbeat
        with suppress(TimeoutError):
            async with asyncio.timeout_at(subscriber.due):
                return await subscriber.next()


async def _reauthorize(connection: HTTPConnection, hub: Hub, subscriber: Subscriber) -> None:
    renewal = asyncio.ensure_future(hub.authorize(connection, hub.channels))
    renewal.add_done_callback(lambda each: each.cancelled() or each.exception())
    try:  # shielded: a cancelled query would not return its database connection
        subscriber.access = await asyncio.shield(renewal)
    except (Unauthenticated, Forbidden):
        subscriber.end(EXPIRED)
    except Exception as error:  # noqa: BLE001 - an outage must not disconnect subscribers
        log.warning("subscriber_reauthorization_failed", error=type(error).__name__)


@router.websocket("")
async def websocket_changes(websocket: WebSocket, hub: Sockets, subscriber: Subscription) -> None:
    """Send changes over a WebSocket, on which the client subscribes and unsubscribes."""
    await websocket.accept(PROTOCOL if PROTOCOL in websocket.scope["subprotocols"] else None)
    receiving = asyncio.create_task(_receive(websocket, subscriber))
    try:
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(None) as subscriber.sending:
                while message := await next_message(websocket, hub, subscriber):
                    await websocket.send_text(message.text)
    finally:
        subscriber.sending = None
        receiving.cancel()
    if subscriber.ended:
        await _close(websocket, subscriber.ended)


async def _receive(websocket: WebSocket, subscriber: Subscriber) -> None:
    while True:
        received = await websocket.receive()
        if received["type"] == "websocket.disconnect":
            subscriber.end(DISCONNECTED)
        elif received.get("text") is None:
            subscriber.end(BINARY)
        else:
            _handle(received["text"], subscriber)
        if subscriber.ended:
            return


def _handle(text: str, subscriber: Subscriber) -> None:
    try:
        message = ClientMessage.model_validate_json(text)
    except ValidationError:
        subscriber.end(MALFORMED)
        return
    outcome = "unsubscribed"
    if message.type == "unsubscribe":
        subscriber.unsubscribe(message.resource)
    else:
        outcome = "subscribed" if subscriber.subscribe(message.resource) else "refused"
    subscriber.put(reply(outcome, resource=message.resource))


async def _close(websocket: WebSocket, closing: Closing) -> None:
    if closing is DISCONNECTED:
        return
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await websocket.close(closing.code, closing.reason)


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses=error_responses(Forbidden, NotFound, TooManySockets, Unavailable),
    openapi_extra={"x-endless": True},
)
async def stream_changes(
    connection: Request,
    hub: Sockets,
    subscriber: Subscription,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncGenerator[ServerSentEvent, None]:
    """Stream changes as server-sent events; `Last-Event-ID` resumes an interrupted stream."""
    if last_event_id:
        hub.resume(subscriber, last_event_id)
    yield ServerSentEvent(comment="listening", id=subscriber.since, retry=RETRY)
    while message := await next_message(connection, hub, subscriber):
        yield ServerSentEvent(raw_data=message.text, id=message.id or None)
    if subscriber.ended:
        yield ServerSentEvent(raw_data=to_json(type="closed", code=subscriber.ended.code))
