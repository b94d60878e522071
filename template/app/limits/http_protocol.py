"""Uvicorn's HTTP protocol, extended by limits of headers, of time, and of connections.

Uvicorn limits neither headers (`h11_max_incomplete_event_size` is for h11 only) nor the time until
a request is complete. Its `limit_concurrency` refuses requests, but not idle connections.

It extends a private module of uvicorn; `tests/limits/test_http_protocol.py` names the version.
"""

import asyncio
from enum import Enum, auto
from typing import Any, ClassVar, NoReturn

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import health
from app.limits.connections import ConnectionSettings, limit_by_descriptors
from app.limits.refusal import HEADERS_TOO_LARGE, TIMED_OUT, TOO_MANY_CONNECTIONS, Refusal

SEPARATORS = 4  # bytes of ": " and CRLF
RESERVED = 32  # further connections, on which only probes are answered
RESERVED_TIMEOUT = 1.0  # seconds until the headers on such a connection are complete
LINGER = 1.0  # seconds to read and ignore what a refused client sends
MIN_BODY_RATE = 500  # bytes per second, the default of `MinRate` of Apache's mod_reqtimeout
PIPELINE_LIMIT = 16  # requests that wait on a connection; browsers and proxies pipeline none
RECOVERED_SHARE = 0.9  # of the limit of connections, below which reaching it is logged again

log = structlog.get_logger()


class Part(Enum):
    """The part of a request that the parser waits for."""

    START = auto()
    HEADERS = auto()
    BODY = auto()


START, HEADERS, BODY = Part


class ProbesOnly:
    """ASGI application that answers probes, and refuses all other requests with 503."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application for probes only."""
        app = self.app if health.is_probe(scope) else TOO_MANY_CONNECTIONS
        await app(scope, receive, send)


class HttpProtocol(HttpToolsProtocol):
    """HTTP protocol that bounds what a client may occupy.

    `_deadline` is when the client must have sent the rest of the headers, or enough of the body for
    `MIN_BODY_RATE`. It is not set while the client need not send anything. A timer is started only
    for a request that does not arrive at once, so other requests cost next to nothing.
    """

    settings: ClassVar[ConnectionSettings]
    header_limit: ClassVar[int]
    header_count_limit: ClassVar[int]
    connection_limit: ClassVar[int]
    is_full: ClassVar[bool] = False  # whether reaching the limit of connections was logged

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._part = START
        self._unfinished = 0  # bytes since the last headers, chunk of a body, or end of a request
        self._received = 0  # at most the size of headers that end in the current data
        self._body_received = 0  # bytes of the body since the timeout was started
        self._refusal: Refusal | None = None
        self._is_reserved = False
        self._is_finished = False  # refused, or handed over to the WebSocket protocol
        self._header_timeout = self.settings.header_timeout
        self._deadline: float | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._unsent = 0  # bytes in the write buffer when `_send_timer` was started
        self._send_timer: asyncio.TimerHandle | None = None

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; over the limit, only for a probe or not at all."""
        super().connection_made(transport)
        excess = len(self.connections) - self.connection_limit
        if excess > 0:
            self._log_limit()
            if excess > RESERVED:
                transport.abort()
                return
            self._is_reserved = True
            self._header_timeout = RESERVED_TIMEOUT
            self.app = ProbesOnly(self.app)
        elif self.is_full and len(self.connections) < self.connection_limit * RECOVERED_SHARE:
            type(self).is_full = False
        self._wait(self._header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timers()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol, unless the request is refused."""
        refusal = TOO_MANY_CONNECTIONS if self._is_reserved else self._refusal
        if refusal:
            self._refuse(refusal)
            return
        self._is_finished = True
        self._stop_timers()
        super().handle_websocket_upgrade()

    def _log_limit(self) -> None:
        if not self.is_full:
            type(self).is_full = True
            log.error(
                "connection_limit_reached",
                limit=self.connection_limit,
                fix="Raise CONNECTION_LIMIT and `ulimit -n`, or limit connections at the proxy.",
            )

    # Requests

    def data_received(self, data: bytes) -> None:
        """Parse the data; refuse the request if its headers are too large."""
        if self._is_finished:
            return
        self._received = self._unfinished = self._unfinished + len(data)
        super().data_received(data)
        if self._part is START and self._is_active():
            self._deadline = None  # the client waits for a response
        elif not self._is_finished:
            self._expect_more()

    def _expect_more(self) -> None:
        if self._unfinished > self.header_limit:
            self._refuse(HEADERS_TOO_LARGE)
        elif self._part is BODY:
            if self._deadline is None:  # more data do not extend a deadline
                self._wait_for_body()
        elif self._deadline is None:
            self._wait(self._header_timeout)

    def on_message_begin(self) -> None:
        """Wait for the headers of a request, unless too many requests wait already."""
        if len(self.pipeline) >= PIPELINE_LIMIT:
            self._refuse_pipeline()
        super().on_message_begin()
        self._part = HEADERS
        self._deadline = None

    def on_headers_complete(self) -> None:
        """Start a request, or refuse it."""
        self._part = BODY
        self._unfinished = 0
        self._deadline = None
        if len(self.headers) > self.header_count_limit or (
            self._received > self.header_limit and self._head_size() > self.header_limit
        ):
            self._refuse_headers()
        else:
            super().on_headers_complete()
        if self._is_reserved and self._is_active():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Pass on a chunk of a body."""
        self._unfinished = 0
        self._body_received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._part = START
        self._unfinished = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request; ignore that a limit has stopped the parser."""
        if not self._is_finished:
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        """Limit the time in which the client reads the end of a response."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._watch_writes()

    def _is_active(self) -> bool:
        """Return whether the response to the last request is unfinished."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _refuse_headers(self) -> None:
        """Let uvicorn respond, which it does after the responses to earlier requests."""
        app, self._refusal = self.app, HEADERS_TOO_LARGE
        self.app = HEADERS_TOO_LARGE
        super().on_headers_complete()
        self.app = app
        if not self.parser.should_upgrade():
            self._log("request_refused", status=HEADERS_TOO_LARGE.status)

    def _head_size(self) -> int:
        sizes = (len(name) + len(value) + SEPARATORS for name, value in self.headers)
        return len(self.url) + sum(sizes)

    def _refuse_pipeline(self) -> NoReturn:
        """Respond to the waiting requests only, the last with `Connection: close`.

        The client may then send the other requests on a new connection (RFC 9112, section 9.3.2).
        """
        self._is_finished = True
        self.cycle.keep_alive = False
        self._log("request_refused", pipelined=len(self.pipeline))
        raise ConnectionAbortedError  # stops the parser: a packet can have thousands of requests

    def _refuse(self, refusal: Refusal) -> None:
        """Send a refusal unless another response is unfinished, and close the connection."""
        self._log("request_refused", status=refusal.status)
        is_active = self._is_active()
        is_own = is_active and self._part is BODY and not self.pipeline
        if self.transport.is_closing():
            return
        if not is_active or (is_own and not self.cycle.response_started):
            if is_own:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            # Half-closed, since closing with unread data resets the connection, and the client may
            # then lose the response (RFC 9112, section 9.6).
            self._is_finished = True
            self.transport.write(refusal.encode())
            self.transport.write_eof()
            self.loop.call_later(LINGER, self._close)
        else:
            self._close()

    def _close(self) -> None:
        self._is_finished = True
        if self.transport.is_closing():
            return
        self.transport.close()
        self._watch_writes()

    def _log(self, event: str, **details: object) -> None:
        log.info(event, client=self.client[0] if self.client else "", **details)

    # Timeouts

    def _wait(self, seconds: float) -> None:
        self._deadline = deadline = self.loop.time() + seconds
        if self._read_timer is None or self._read_timer.when() > deadline:
            self._start_read_timer(deadline)

    def _wait_for_body(self) -> None:
        self._body_received = 0
        self._wait(self.settings.body_timeout)

    def _start_read_timer(self, deadline: float) -> None:
        if self._read_timer:
            self._read_timer.cancel()
        self._read_timer = self.loop.call_at(deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._read_timer = None
        if self._deadline is None or self._is_finished or self.transport.is_closing():
            return
        is_body = self._part is BODY
        if self.flow.read_paused or (is_body and self.cycle.waiting_for_100_continue):
            self._wait_for_body()  # the client waits for the service
        elif self.loop.time() < self._deadline:
            self._start_read_timer(self._deadline)
        elif self._part is START or (is_body and self.cycle.response_complete):
            self._close()  # an idle connection, such as a browser opens in advance
        elif is_body and self._body_received >= MIN_BODY_RATE * self.settings.body_timeout:
            self._wait_for_body()
        else:
            self._refuse(TIMED_OUT)

    def pause_writing(self) -> None:
        """Limit the time in which the client reads nothing."""
        super().pause_writing()
        self._stop_send_timer()
        self._watch_writes()

    def resume_writing(self) -> None:
        """Stop the timer, since the client reads."""
        super().resume_writing()
        self._stop_send_timer()

    def _watch_writes(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._send_timer is None:
            self._unsent = unsent
            self._send_timer = self.loop.call_later(self.settings.send_timeout, self._check_writes)

    def _check_writes(self) -> None:
        """Abort the connection if the client has read nothing; any progress restarts the timer."""
        self._send_timer = None
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch_writes()
            return
        self._log("slow_client_disconnected")
        self.transport.abort()

    def _stop_send_timer(self) -> None:
        if self._send_timer:
            self._send_timer.cancel()
            self._send_timer = None

    def _stop_timers(self) -> None:
        self._stop_send_timer()
        self._deadline = None
        if self._read_timer:
            self._read_timer.cancel()
            self._read_timer = None


def protocol_class(config: ConnectionSettings) -> type[HttpProtocol]:
    """Return the protocol of one server, with its limits."""
    attributes = {
        "settings": config,
        "header_limit": config.header_limit,
        "header_count_limit": config.header_count_limit,
        "connection_limit": limit_by_descriptors(config.connection_limit),
    }
    return type("LimitedProtocol", (HttpProtocol,), attributes)
