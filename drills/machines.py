"""What stands in production: each a process that can be stopped, killed, and started again."""

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
PATIENCE = 60.0  # seconds that anything may take to start
HERE, THERE, BITS = "10.77.0.1", "10.77.0.2", 30  # the ends of the line to the database
SPACE, LINE = "drill", "drill0"
INSIDE = ("ip", "netns", "exec", SPACE)
BALANCER = 8900
REPLICAS = {f"replica-{number}": 8900 + number for number in (1, 2, 3)}
WORKERS = ("worker-1", "worker-2")
BALANCING = """
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
frontend callers
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    option httpchk GET /health/ready
    http-check expect status 200
    default-server check inter 500ms fall 1 rise 1
{servers}
"""
POOLING = """
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


def place() -> TemporaryDirectory[str]:
    """Make a directory that others may enter, wherever those of this process are made."""
    made = TemporaryDirectory(prefix="drill-", dir="/tmp")
    Path(made.name).chmod(0o755)
    return made


@dataclass
class Machine:
    """A process, and how to tell that it is ready."""

    name: str
    command: list[str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    environment: dict[str, str] = field(default_factory=dict)
    place: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        with self.log.open("ab") as told:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.place,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end; tell how it ended."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def answers(url: str) -> Callable[[], bool]:
    """Tell, when called, whether an address answers well."""

    def ready() -> bool:
        try:
            with urlopen(url, timeout=1) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except (HTTPError, URLError, OSError):
            return False

    return ready


def missing() -> str:
    """Name what a drill needs and this machine has not; nothing, where all is there."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "root on Linux"
    lacking = [name for name in ("haproxy", "pgbouncer", "ip", "setpriv") if not found(name)]
    if not lacking and subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        return "leave to make networks"
    return ", ".join(lacking)


def found(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run([found("ip") or "ip", *arguments], check=check, capture_output=True)


class Network:
    """A network of the database's own, and the line to it."""

    def __enter__(self) -> Self:
        self.__exit__()
        ip("netns", "add", SPACE)
        ip("link", "add", LINE, "type", "veth", "peer", "name", "eth0", "netns", SPACE)
        ip("address", "add", f"{HERE}/{BITS}", "dev", LINE)
        ip("-n", SPACE, "address", "add", f"{THERE}/{BITS}", "dev", "eth0")
        for end in (["link", "set", LINE], ["-n", SPACE, "link", "set", "eth0"], ["-n", SPACE, "link", "set", "lo"]):
            ip(*end, "up")
        return self

    def __exit__(self, *_: object) -> None:
        ip("netns", "delete", SPACE, check=False)
        ip("link", "delete", LINE, check=False)

    def cut(self) -> None:
        """Let nothing through, in either direction, and say so to nobody."""
        ip("-n", SPACE, "link", "set", "eth0", "down")

    def mend(self) -> None:
        ip("-n", SPACE, "link", "set", "eth0", "up")


def bouncer(place: Path, sockets: Path, user: str, inside: Sequence[str] = (), lifetime: int = 3600) -> Machine:
    """PgBouncer as nobody, where a command leads; it keeps connections for some seconds, or for one transaction (0)."""
    place.mkdir()
    settings = place / "pgbouncer.ini"
    address, directory = (THERE, "") if inside else ("", place)
    given = {"user": user, "sockets": sockets, "address": address, "directory": directory, "lifetime": lifetime}
    settings.write_text(POOLING.format_map(given), encoding="utf-8")
    for path in (place, settings):
        shutil.chown(path, int(NOBODY), int(NOBODY))
    command = [*inside, *AS_NOBODY, found("pgbouncer") or "pgbouncer", str(settings)]
    return Machine("pgbouncer", command, place.parent / "pgbouncer.log")


def balancer(place: Path) -> Machine:
    """HAProxy, which sends nothing twice that a replica may have begun."""
    servers = "\n".join(f"    server {name} 127.0.0.1:{port}" for name, port in REPLICAS.items())
    settings = place / "haproxy.cfg"
    settings.write_text(BALANCING.format(port=BALANCER, servers=servers), encoding="utf-8")
    ready = answers(f"http://127.0.0.1:{BALANCER}/health/live")
    return Machine("haproxy", [found("haproxy") or "haproxy", "-db", "-f", str(settings)], place / "haproxy.log", ready)
