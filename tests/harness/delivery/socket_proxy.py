"""Forward a TCP port to a server's Unix socket, for clients that expect a host and a port.

    python socket_proxy.py <socket>

It prints the port, and forwards connections until its standard input closes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


async def forward(source: asyncio.StreamReader, destination: asyncio.StreamWriter) -> None:
    """Copy data from one socket to the other until the connection ends or is reset."""
    try:
        while data := await source.read(1 << 16):
            destination.write(data)
            await destination.drain()
    except ConnectionError:
        pass
    finally:
        destination.close()


async def listen(socket: str) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(socket)
        await asyncio.gather(forward(reader, upstream_writer), forward(upstream_reader, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.read)
        server.close()


@contextmanager
def tcp_proxy(socket: Path) -> Iterator[int]:
    """Yield a free port that forwards to a Unix socket, from a subprocess."""
    command = [sys.executable, str(Path(__file__)), str(socket)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdin
        assert proxy.stdout
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.stdin.close()


if __name__ == "__main__":
    asyncio.run(listen(sys.argv[1]))
