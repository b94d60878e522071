"""WebSockets, as uvicorn speaks them, but for clients that take nothing, and what is logged."""

import asyncio
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class Protocol(WebSocketsSansIOProtocol):
    """Cuts a connection once the service is done with it and its client takes nothing.

    Uvicorn would wait until all is sent, which may be never, and hold what it has not sent.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self.conn.debug = False  # the log of what goes over the line would tell tokens

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a refusal completes a handshake, too, or uvicorn would log an error."""
        await super().send(message)
        self.handshake_complete = self.handshake_complete or self.close_sent

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Cut the connection: at once if what was written last is still here, or else soon."""
        super().on_task_complete(task)
        if self.writable.is_set():
            self.loop.call_later(self.close_timeout, self._cut)
        else:
            self._cut()

    def _cut(self) -> None:
        if not self.disconnected:
            self.transport.abort()
