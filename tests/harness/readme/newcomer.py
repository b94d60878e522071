"""A clean room, which is a shell with a new home directory that shares only uv's cache with the harness."""

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
    from contextlib import AbstractContextManager

FENCE = re.compile(r"^ *```(?:sh|console)\n(?P<commands>.*?)^ *```$", re.MULTILINE | re.DOTALL)  # in lists, too
CHECK = re.compile(r"^\| `(?P<command>uv run (?!app |pytest)[^`]+)` \|", re.MULTILINE)
BASE = re.compile(r"https?://(?:127\.0\.0\.1|localhost):\d+")
# Variables that reach a package index; all others are dropped.
NETWORK = re.compile(
    r"(?i)UV_(DEFAULT_|EXTRA_)?INDEX(_\w+)?|UV_(OFFLINE|NATIVE_TLS)|SSL_CERT_\w+|(HTTPS?|ALL|NO)_PROXY"
)
READY_TIMEOUT = 120  # seconds until a server is ready, with installation and database
LONGEST = 1800  # seconds: a whole test suite beside others


def commands(page: str) -> list[str]:
    """Return the commands of a page's fenced blocks, in order."""
    blocks = "\n".join(match["commands"] for match in FENCE.finditer(page)).replace("\\\n", " ")
    lines = [line.removeprefix("$ ") for line in blocks.splitlines() if not line.startswith("#")]
    return [command.strip() for line in lines for command in line.split(" && ") if command.strip()]


def checks(page: str) -> list[str]:
    """Return the linter and type checker commands in a page's table of commands."""
    return [match["command"] for match in CHECK.finditer(page)]


def environment(home: Path) -> dict[str, str]:
    """Create a home directory, and return the environment variables of a new shell in it."""
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
    """Return the path of a Python version's interpreter, from pyenv or PATH; None if missing."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    by_pyenv = shutil.which(f"python{version}", path=os.pathsep.join(map(str, pyenv.glob(f"{version}.*/bin"))))
    return by_pyenv or shutil.which(f"python{version}")


class Newcomer:
    """A newcomer's shell, which runs in a new service's directory with a clean environment."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.environment = environment(home)

    def run(self, command: str, **variables: str) -> str:
        """Run a command that must succeed, and return its output."""
        shell = ["bash", "-euo", "pipefail", "-c", command]
        completed = run_command(shell, self.directory, self.environment | variables, LONGEST)
        if completed.returncode:
            pytest.fail(f"$ {command}\n{completed.stdout}", pytrace=False)
        return completed.stdout

    def serving(self, command: str) -> AbstractContextManager[str]:
        """Run a server in the background, and yield its base URL once it is ready."""
        return serving(command.split(), self.directory, self.environment, self.directory.parent / "server.log")


@contextmanager
def serving(command: list[str], directory: Path, environment: dict[str, str], log: Path) -> Iterator[str]:
    """Run a server that writes to a log, and yield its base URL once it is ready."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield wait_until_ready(server, log)
    finally:
        stop(server)


def wait_until_ready(server: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address that a server printed, once its readiness route answers.

    Fail after `READY_TIMEOUT`.
    """
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        for address in BASE.findall(log.read_text(encoding="utf-8")):
            if is_ready(address):
                return str(address)
        time.sleep(0.1)
    return pytest.fail(f"the server is not ready; its log:\n{log.read_text(encoding='utf-8')}", pytrace=False)


def is_ready(base: str) -> bool:
    try:
        with urlopen(f"{base}/health/ready", timeout=5) as answer:  # noqa: S310 - the address is local
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop a server with SIGINT, or kill it after 30 seconds."""
    os.killpg(server.pid, signal.SIGINT)
    try:
        server.wait(30)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
