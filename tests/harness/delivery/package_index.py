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


def handler(upstream: str, user: str, password: str) -> type[BaseHTTPRequestHandler]:
    """Return a request handler that serves index pages with rewritten links, and redirects to files."""
    expected = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != expected:
                self.answer(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="index"'})
            elif self.path.startswith(PAGES):
                self.page(f"{upstream}/{self.path.removeprefix(PAGES)}")
            else:
                self.answer(HTTPStatus.FOUND, {"Location": self.path.removeprefix(FILES)})

        do_HEAD = do_GET  # noqa: N815

        def page(self, url: str) -> None:
            with urlopen(Request(url, headers={"Accept": self.headers["Accept"]}), timeout=60) as response:  # noqa: S310
                content_type, text, base = response.headers["Content-Type"], response.read().decode(), response.url
            here = f"http://{self.headers['Host']}{FILES}"
            text = LINK.sub(lambda match: f'{match["before"]}"{here}{urljoin(base, match["link"])}', text)
            self.answer(HTTPStatus.OK, {"Content-Type": content_type}, text.encode())

        def answer(self, status: HTTPStatus, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def private_index(upstream: str) -> Iterator[str]:
    """Run a proxy of a package index, and yield its URL with credentials."""
    user, password = "somebody", secrets.token_hex(16)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(upstream.rstrip("/"), user, password)) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{user}:{password}@127.0.0.1:{server.server_port}{PAGES.rstrip('/')}"
        finally:
            server.shutdown()
            thread.join()
