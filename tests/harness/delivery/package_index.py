"""A package index with basic authentication that proxies another index, as in closed networks."""

from __future__ import annotations

import base64
import re
import secrets
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

LINK = re.compile(r'(?P<before>href=|"url":\s*)"(?P<link>[^"#]+)')  # in HTML, in JSON
PAGES, FILES = "/simple/", "/files/"


class IndexServer(ThreadingHTTPServer):
    """Server of index pages, which requires credentials and redirects to the upstream index for files."""

    def __init__(self, upstream: str, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self.expected = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Handler(BaseHTTPRequestHandler):
    """Serves index pages with rewritten links, and redirects to files."""

    server: IndexServer

    def do_GET(self) -> None:
        """Respond to a request of a page or a file; 401 without the credentials."""
        if self.headers.get("Authorization") != self.server.expected:
            self.answer(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="index"'})
        elif self.path.startswith(PAGES):
            self.page(f"{self.server.upstream}/{self.path.removeprefix(PAGES)}")
        else:
            self.answer(HTTPStatus.FOUND, {"Location": self.path.removeprefix(FILES)})

    do_HEAD = do_GET  # noqa: N815

    def page(self, url: str) -> None:
        """Respond with an upstream page whose links lead to this server."""
        with urlopen(Request(url, headers={"Accept": self.headers["Accept"]}), timeout=60) as response:  # noqa: S310
            content_type, text, base = response.headers["Content-Type"], response.read().decode(), response.url
        here = f"http://{self.headers['Host']}{FILES}"
        text = LINK.sub(lambda match: f'{match["before"]}"{here}{urljoin(base, match["link"])}', text)
        self.answer(HTTPStatus.OK, {"Content-Type": content_type}, text.encode())

    def answer(self, status: HTTPStatus, headers: dict[str, str], body: bytes = b"") -> None:
        """Send a response with its headers and body."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def private_index(upstream: str) -> Iterator[str]:
    """Run a proxy of a package index, and yield its URL with credentials."""
    user, password = "somebody", secrets.token_hex(16)
    with IndexServer(upstream.rstrip("/"), user, password) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{user}:{password}@127.0.0.1:{server.server_port}{PAGES.rstrip('/')}"
        finally:
            server.shutdown()
            thread.join()
