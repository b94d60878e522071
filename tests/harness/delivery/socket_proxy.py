"""Opens a server's socket to those who know it by a host and a port, as containers do.

    python doors.py <socket>

It prints the port, and passes on what is said until its input ends.
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


async def carry(source: asyncio.StreamReader, destination: asyncio.StreamWriter) -> None:
    """Pass on what one side says until it is silent, or hangs up."""
    try:
        while said := await source.read(1 << 16):
            destination.write(said)
            await destination.drain()
    except ConnectionError:
        pass
    finally:
        destination.close()


async def listen(behind: str) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(behind)
        await asyncio.gather(carry(reader, questions), carry(answers, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as door:
        print(door.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.read)
        door.close()


@contextmanager
def opened(behind: Path) -> Iterator[int]:
    """Listen on a free port, and give it; whoever calls reaches the socket at `behind`."""
    command = [sys.executable, str(Path(__file__)), str(behind)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as door:
        assert door.stdin
        assert door.stdout
        try:
            yield int(door.stdout.readline())
        finally:
            door.stdin.close()


if __name__ == "__main__":
    asyncio.run(listen(sys.argv[1]))
