"""A package index that asks who is there, as those of closed networks do; what it has, it sends for elsewhere."""

from __future__ import annotations

import base64
import secrets
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def door(upstream: str, user: str, password: str) -> type[BaseHTTPRequestHandler]:
    """Make what answers requests: a redirection, to whoever may have it."""
    awaited = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") == awaited:
                self.send_response(HTTPStatus.FOUND)
                self.send_header("Location", f"{upstream}{self.path.removeprefix('/simple')}")
            else:
                self.send_response(HTTPStatus.UNAUTHORIZED)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Door


@contextmanager
def guarded(upstream: str) -> Iterator[str]:
    """Run an index before another one; give its URL, credentials included."""
    user, password = "somebody", secrets.token_hex(16)
    with ThreadingHTTPServer(("127.0.0.1", 0), door(upstream.rstrip("/"), user, password)) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{user}:{password}@127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()
