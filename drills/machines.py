"""Start, kill and restart the processes of a drill, and disconnect the network of its database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

NOBODY = "65534"
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
TIMEOUT = 60.0  # seconds for a start or stop
HOST_ADDRESS, DATABASE_ADDRESS, BITS = "10.77.0.1", "10.77.0.2", 30  # of the veth pair
NAMESPACE, LINK = "drill", "drill0"
IN_NAMESPACE = ("ip", "netns", "exec", NAMESPACE)
BALANCER_PORT = 8900
REPLICAS = {f"replica-{number}": 8900 + number for number in (1, 2, 3)}
WORKERS = ("worker-1", "worker-2")
HAPROXY_CONFIG = """
global
    maxconn 4000
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    option redispatch 1
    retries 3
    retry-on conn-failure
frontend clients
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    option httpchk GET /health/ready
    http-check expect status 200
    default-server check inter 500ms fall 1 rise 1
{servers}
"""
PGBOUNCER_CONFIG = """
[databases]
* = host={sockets} user={user}
[pgbouncer]
listen_addr = {address}
listen_port = 6432
unix_socket_dir = {directory}
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
server_lifetime = {lifetime}
server_login_retry = 1
server_connect_timeout = 2
ignore_startup_parameters = extra_float_digits
"""


def shared_directory() -> TemporaryDirectory[str]:
    """Create a temporary directory that other users can enter, regardless of `TMPDIR`."""
    directory = TemporaryDirectory(prefix="drill-", dir="/tmp")
    Path(directory.name).chmod(0o755)
    return directory


@dataclass
class Machine:
    """A process of the drill, such as PostgreSQL or a replica, with its readiness probe."""

    name: str
    command: list[str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start the process, and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Poll the readiness probe; raise `RuntimeError` if the process exits or takes too long."""
        deadline = time.monotonic() + TIMEOUT
        while not self.ready():
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the process to exit, and return its exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)


def http_probe(url: str) -> Callable[[], bool]:
    """Return a readiness probe that succeeds if GET on a URL returns 200."""

    def ready() -> bool:
        try:
            with urlopen(url, timeout=1) as response:  # noqa: S310 - a fixed http URL
                return bool(response.status == 200)
        except (HTTPError, URLError, OSError):
            return False

    return ready


def missing() -> str:
    """Return what this machine lacks to run a drill, such as HAProxy or root; empty if nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "root on Linux"
    programs = [name for name in ("haproxy", "pgbouncer", "ip", "setpriv") if not find_program(name)]
    if not programs and subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        return "permission to create network namespaces"
    return ", ".join(programs)


def find_program(name: str) -> str | None:
    """Return the path of a program, found on the PATH or in a system directory such as `/usr/sbin`."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def ip(*arguments: str, check: bool = True) -> None:
    """Run `ip`, the network tool of iproute2."""
    subprocess.run([find_program("ip") or "ip", *arguments], check=check, capture_output=True)


class Network:
    """A network namespace for the database, connected by a veth pair."""

    def __enter__(self) -> Self:
        self.__exit__()
        ip("netns", "add", NAMESPACE)
        ip("link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE)
        ip("address", "add", f"{HOST_ADDRESS}/{BITS}", "dev", LINK)
        ip("-n", NAMESPACE, "address", "add", f"{DATABASE_ADDRESS}/{BITS}", "dev", "eth0")
        for device in (["link", "set", LINK], *(["-n", NAMESPACE, "link", "set", name] for name in ("eth0", "lo"))):
            ip(*device, "up")
        return self

    def __exit__(self, *_: object) -> None:
        ip("netns", "delete", NAMESPACE, check=False)
        ip("link", "delete", LINK, check=False)

    def disconnect(self) -> None:
        """Simulate a network partition by dropping all packets in both directions."""
        ip("-n", NAMESPACE, "link", "set", "eth0", "down")

    def reconnect(self) -> None:
        """Let packets through again after `disconnect`."""
        ip("-n", NAMESPACE, "link", "set", "eth0", "up")


def pgbouncer(place: Path, sockets: Path, user: str, prefix: Sequence[str] = (), lifetime: int = 3600) -> Machine:
    """Return a machine that runs PgBouncer in transaction mode as an unprivileged user.

    Args:
        place: its directory, which is created
        sockets: the directory of PostgreSQL's socket
        user: the user of connections to PostgreSQL
        prefix: a command that runs it in a network namespace; without one, it listens on a socket only
        lifetime: `server_lifetime` in seconds; 0 closes a connection after each transaction
    """
    place.mkdir()
    settings = place / "pgbouncer.ini"
    address, directory = (DATABASE_ADDRESS, "") if prefix else ("", place)
    endpoints = {"address": address, "directory": directory, "sockets": sockets}
    settings.write_text(PGBOUNCER_CONFIG.format(user=user, lifetime=lifetime, **endpoints), encoding="utf-8")
    for path in (place, settings):
        shutil.chown(path, int(NOBODY), int(NOBODY))
    command = [*prefix, *AS_NOBODY, find_program("pgbouncer") or "pgbouncer", str(settings)]
    return Machine("pgbouncer", command, place.parent / "pgbouncer.log")


def haproxy(place: Path) -> Machine:
    """Return a machine that runs HAProxy, which retries on another replica only if connecting failed."""
    servers = "\n".join(f"    server {name} 127.0.0.1:{port}" for name, port in REPLICAS.items())
    settings = place / "haproxy.cfg"
    settings.write_text(HAPROXY_CONFIG.format(port=BALANCER_PORT, servers=servers), encoding="utf-8")
    ready = http_probe(f"http://127.0.0.1:{BALANCER_PORT}/health/live")
    command = [find_program("haproxy") or "haproxy", "-db", "-f", str(settings)]
    return Machine("haproxy", command, place / "haproxy.log", ready)
