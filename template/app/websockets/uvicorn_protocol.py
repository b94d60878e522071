"""Uvicorn's WebSocket protocol, extended to abort slow clients and to log no tokens.

It extends a private module of uvicorn; `tests/websockets/test_websockets.py` names the version.
"""

import asyncio
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class Protocol(WebSocketsSansIOProtocol):
    """WebSocket protocol that disconnects slow clients.

    It aborts the connection to a client that does not read, once the endpoint has returned. Uvicorn
    itself would wait without a timeout, and keep the unsent data in memory.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self.conn.debug = False  # debug logs contain the token of the handshake

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message, and mark a rejected handshake as complete.

        Otherwise uvicorn would log an error.
        """
        await super().send(message)
        self.handshake_complete = self.handshake_complete or self.close_sent

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Abort the connection at once if data is unsent, else after the close timeout."""
        super().on_task_complete(task)
        if self.writable.is_set():
            self.loop.call_later(self.close_timeout, self._abort)
        else:
            self._abort()

    def _abort(self) -> None:
        if not self.disconnected:
            self.transport.abort()
