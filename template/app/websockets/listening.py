"""How one listens: by a WebSocket, or by a stream of events where that is enough."""

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

from app.errors import Forbidden, NotFound, Unauthenticated, Unavailable, described
from app.websockets.broadcasting import Hub, Sockets, TooManySockets
from app.websockets.cross_origin import check_origin
from app.websockets.listener import Ears, Listener
from app.websockets.message import BINARY, GONE, UNREADABLE, VOID, Closing, Message, note, written

PROTOCOL = "changes"  # which a client may ask for, beside the one that shows who it is
PATIENCE = 1.0  # seconds that a socket may take to be closed
RETRY = 3000  # milliseconds after which a stream that has ended is opened again

log = structlog.get_logger()
router = APIRouter(prefix="/changes", tags=["changes"])


class Wish(BaseModel):
    """What a client says by a socket."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe", "unsubscribe"]
    resource: str


async def listen(
    connection: HTTPConnection,
    hub: Sockets,
    resource: Annotated[
        list[str] | None, Query(description="What to hear of; else all that you may read.")
    ] = None,
) -> AsyncGenerator[Listener, None]:
    """Let somebody listen for as long as they are connected.

    Raises:
        NotFound: there is no such resource.
        Forbidden: the caller may not read it, or calls from a page of another origin.
    """
    check_origin(connection, hub.origins)
    ears = await hub.audience(connection, hub.rooms)
    for room in resource or ():
        _check(hub, ears, room)
    with hub.listening(ears, set(resource) if resource else None) as listener:
        yield listener


Listening = Annotated[Listener, Depends(listen)]


def _check(hub: Hub, ears: Ears, room: str) -> None:
    if room not in hub.rooms:
        message = "There is no such resource."
        raise NotFound(message)
    if room not in ears.reach:
        message = "You may not read this."
        raise Forbidden(message)


async def told(connection: HTTPConnection, hub: Hub, listener: Listener) -> Message | None:
    """Wait for what a listener is told; at each heartbeat, look whether they may still hear it."""
    loop = asyncio.get_running_loop()
    while True:
        if loop.time() >= listener.due:
            await _look(connection, hub, listener)
            listener.due = loop.time() + hub.chosen.heartbeat
        with suppress(TimeoutError):
            async with asyncio.timeout_at(listener.due):
                return await listener.next()


async def _look(connection: HTTPConnection, hub: Hub, listener: Listener) -> None:
    looking = asyncio.ensure_future(hub.audience(connection, hub.rooms))
    looking.add_done_callback(lambda each: each.cancelled() or each.exception())
    try:  # who stops in the middle of it would leave a connection of the database behind
        listener.ears = await asyncio.shield(looking)
    except (Unauthenticated, Forbidden):
        listener.end(VOID)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being known now
        log.warning("who listens is not known now", error=type(error).__name__)


@router.websocket("")
async def talk(websocket: WebSocket, hub: Sockets, listener: Listening) -> None:
    """Tell changes by a WebSocket; the client says which it wants."""
    await websocket.accept(PROTOCOL if PROTOCOL in websocket.scope["subprotocols"] else None)
    reading = asyncio.create_task(_read(websocket, listener))
    try:
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(None) as listener.sending:
                while message := await told(websocket, hub, listener):
                    await websocket.send_text(message.text)
    finally:
        listener.sending = None
        reading.cancel()
    if listener.ended:
        await _close(websocket, listener.ended)


async def _read(websocket: WebSocket, listener: Listener) -> None:
    while True:
        received = await websocket.receive()
        if received["type"] == "websocket.disconnect":
            listener.end(GONE)
        elif received.get("text") is None:
            listener.end(BINARY)
        else:
            _hear(received["text"], listener)
        if listener.ended:
            return


def _hear(text: str, listener: Listener) -> None:
    try:
        wish = Wish.model_validate_json(text)
    except ValidationError:
        listener.end(UNREADABLE)
        return
    word = "unsubscribed"
    if wish.type == "unsubscribe":
        listener.unsubscribe(wish.resource)
    else:
        word = "subscribed" if listener.subscribe(wish.resource) else "refused"
    listener.put(note(word, resource=wish.resource))


async def _close(websocket: WebSocket, closing: Closing) -> None:
    if closing is GONE:
        return
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(PATIENCE):
            await websocket.close(closing.code, closing.reason)


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses=described(Forbidden, NotFound, TooManySockets, Unavailable),
    openapi_extra={"x-endless": True},
)
async def stream_changes(
    connection: Request,
    hub: Sockets,
    listener: Listening,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncGenerator[ServerSentEvent, None]:
    """Tell changes by a stream of events; one that was interrupted goes on where it was."""
    if last_event_id:
        hub.resume(listener, last_event_id)
    yield ServerSentEvent(comment="listening", id=listener.since, retry=RETRY)
    while message := await told(connection, hub, listener):
        yield ServerSentEvent(raw_data=message.text, id=message.id or None)
    if listener.ended:
        yield ServerSentEvent(raw_data=written(type="closed", code=listener.ended.code))
