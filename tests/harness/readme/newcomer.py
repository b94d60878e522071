"""A newcomer's machine: a home of its own, uv, and nothing of the harness but uv's cache."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.harness.combinations.copier_cli import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

FENCE = re.compile(r"^ *```(?:sh|console)\n(?P<commands>.*?)^ *```$", re.MULTILINE | re.DOTALL)  # in lists, too
CHECK = re.compile(r"^\| `(?P<command>uv run (?!app |pytest)[^`]+)` \|", re.MULTILINE)
BASE = re.compile(r"https?://(?:127\.0\.0\.1|localhost):\d+")
# By these a machine reaches a package index; what else is set is the business of whoever runs the harness.
NETWORK = re.compile(
    r"(?i)UV_(DEFAULT_|EXTRA_)?INDEX(_\w+)?|UV_(OFFLINE|NATIVE_TLS)|SSL_CERT_\w+|(HTTPS?|ALL|NO)_PROXY"
)
PATIENCE = 120  # seconds that a server may take to be ready, its database and its packages included
LONGEST = 1800  # seconds, for it may be a whole suite beside others


def commands(page: str) -> list[str]:
    """List the commands of a page's fenced blocks, one after the other."""
    blocks = "\n".join(match["commands"] for match in FENCE.finditer(page)).replace("\\\n", " ")
    lines = [line.removeprefix("$ ") for line in blocks.splitlines() if not line.startswith("#")]
    return [command.strip() for line in lines for command in line.split(" && ") if command.strip()]


def checks(page: str) -> list[str]:
    """List the checks that a page's table of commands names, beside the service's own commands and its tests."""
    return [match["command"] for match in CHECK.finditer(page)]


def environment(home: Path) -> dict[str, str]:
    """Make a home, and name what a new shell in it would have."""
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Newcomer\n\temail = newcomer@example.org\n", encoding="utf-8")
    cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    path = [entry for entry in os.environ["PATH"].split(os.pathsep) if not Path(entry).is_relative_to(sys.prefix)]
    return {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)} | {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join(path),
        "UV_CACHE_DIR": cache,
        "UV_PYTHON_DOWNLOADS": "never",
    }


@cache
def python(version: str) -> str | None:
    """Find a Python of this version on this machine, pyenv's included."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = shutil.which(f"python{version}", path=os.pathsep.join(map(str, pyenv.glob(f"{version}.*/bin"))))
    return found or shutil.which(f"python{version}")


class Newcomer:
    """Someone in the directory of a fresh service, who types commands."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.environment = environment(home)

    def types(self, command: str, **variables: str) -> str:
        """Run a command to its end, which is to be a good one; tell what it prints."""
        shell = ["bash", "-euo", "pipefail", "-c", command]
        run = run_command(shell, self.directory, self.environment | variables, LONGEST)
        if run.returncode:
            pytest.fail(f"$ {command}\n{run.stdout}", pytrace=False)
        return run.stdout

    @contextmanager
    def serving(self, command: str) -> Iterator[str]:
        """Run a server in the background, wait until it is ready, and give its address; end it in the end."""
        log = self.directory.parent / "server.log"
        with log.open("wb") as told:
            server = subprocess.Popen(
                command.split(),
                cwd=self.directory,
                env=self.environment,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        try:
            yield wait_until_ready(server, log)
        finally:
            end(server)


def wait_until_ready(server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until what answers at one of the addresses that a server prints says that it is ready."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for address in BASE.findall(log.read_text(encoding="utf-8")):
            if is_ready(address):
                return str(address)
        time.sleep(0.1)
    return pytest.fail(f"the server is not ready; it says:\n{log.read_text(encoding='utf-8')}", pytrace=False)


def is_ready(base: str) -> bool:
    try:
        with urlopen(f"{base}/health/ready", timeout=5) as answer:  # noqa: S310 - the address is local
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def end(server: subprocess.Popen[bytes]) -> None:
    """End a server as a terminal does, and see that it goes."""
    os.killpg(server.pid, signal.SIGINT)
    try:
        server.wait(30)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
