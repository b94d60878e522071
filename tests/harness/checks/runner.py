"""Run the checks of services in forks.

Services with equal code share a result, and passed checks are cached.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import shlex
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.checks.tools import FORK_SERVER, Tools, tools
from tests.harness.combinations.rendering import File
from tests.harness.combinations.services import write
from tests.harness.workspace import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.harness.checks.checks import Check
    from tests.harness.checks.progress import Meter
    from tests.harness.checks.servers import Servers
    from tests.harness.combinations.rendering import Tree
    from tests.harness.combinations.services import Service

INHERITED = ("HOME", "LANG", "TERM", "TMPDIR")
TAIL = 80  # lines
COMPILED = ("app/", "development/")
CHECKED_BY_HASH = 0b11
EXPIRY = 30 * 86_400  # seconds: results unused for longer belong to code that no longer exists
FORKS = (os.cpu_count() or 1) + 1  # concurrent: a suite waits for databases and clocks a third of its time
PRELOADED = ("mypy", "pytest", "lint-imports", "deptry")  # whose libraries are imported before the forks


def environment(python: str = sys.executable) -> dict[str, str]:
    """Return the environment variables for a command, such as the PATH of a virtual environment."""
    tools = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"PATH": tools, "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Usage:
    """The wall time and CPU time (in seconds) and the peak memory (in KiB) that a check used."""

    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class CheckResult:
    """The exit code, output and usage of a check, shared by services with equal code."""

    service: Service
    check: Check
    usage: Usage
    code: int  # exit code; negative: killed by that signal
    output: str = ""
    reproduce: str = ""  # shell command that reproduces it without the harness
    cached: bool = False

    @property
    def passed(self) -> bool:
        return self.code == 0

    def assert_passed(self, for_service: Service) -> None:
        """Fail the test if the check failed.

        Skip the test if another service with equal code already reports the failure.
        """
        if self.passed:
            return
        if for_service.label != self.service.label:
            pytest.skip(f"the same code as {self.service.label}, for which `{self.check.command}` fails")
        tail = "\n".join(self.output.splitlines()[-TAIL:])
        pytest.fail(f"`{self.check.command}` fails\n\n{tail}\n\nOutside the harness:\n{self.reproduce}", pytrace=False)


def killed_by(code: int, seconds: float) -> str:
    """Return a line with the signal that killed a command; empty if the command exited by itself."""
    return f"\nIt was ended by {signal.Signals(-code).name} after {seconds:.0f} seconds." if code < 0 else ""


class ResultCache:
    """A directory with an entry for each passed check.

    Failed checks are not cached.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.clear(lambda entry: time.time() - entry.stat().st_mtime > EXPIRY)

    def get(self, key: str) -> Usage | None:
        """Return the recorded usage of a passed check; None if the check is not cached."""
        entry = self.directory / key
        if not entry.exists():
            return None
        entry.touch()
        return Usage(**json.loads(entry.read_text(encoding="utf-8")))

    def put(self, key: str, usage: Usage) -> None:
        (self.directory / key).write_text(json.dumps(asdict(usage)), encoding="utf-8")

    def clear(self, which: Callable[[Path], bool] = lambda _: True) -> None:
        for entry in filter(which, list(self.directory.iterdir())):
            entry.unlink()


def key(*parts: object) -> str:
    """Return a cache key: the digest of the values that a result depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache  # many services share modules
def bytecode(source: bytes) -> bytes:
    """Compile a module to a hash-based .pyc, which is valid for this source only (PEP 552)."""
    with warnings.catch_warnings(action="ignore"):  # the linter reports them
        code = compile(source, "", "exec", dont_inherit=True)
    digest = importlib.util.source_hash(source)
    return b"".join([importlib.util.MAGIC_NUMBER, CHECKED_BY_HASH.to_bytes(4, "little"), digest, marshal.dumps(code)])


def compiled(code: Tree) -> Tree:
    """Return the compiled .pyc files of a service's modules except tests, which pytest compiles."""
    modules = [path for path in code if path.startswith(COMPILED) and path.endswith(".py")]
    return {
        importlib.util.cache_from_source(path): File(bytecode(code[path].content), executable=False) for path in modules
    }


class CheckRunner:
    """Run checks concurrently in the background with one Python interpreter."""

    launcher: Sequence[str] = ("uv", "run")  # prefix of a command, to reproduce its environment
    seed: int = 0
    forks: int = FORKS
    warm_services: Sequence[Service] = ()  # their libraries are imported before the first fork

    def __init__(self, directory: Path, cache: ResultCache, servers: Servers, python: str = sys.executable) -> None:
        self.directory = directory
        self.cache = cache
        self.python = python
        self.servers = servers
        self.pending: dict[str, tuple[Service, Check]] = {}
        self.results: dict[str, CheckResult] = {}
        (directory / "outcomes").mkdir(parents=True)
        self.server = subprocess.Popen(
            [python, "-P", FORK_SERVER, directory / "outcomes", str(self.forks)],
            env=environment(python),
            stdin=subprocess.PIPE,
            text=True,
        )

    @cached_property
    def tools(self) -> Tools:
        return tools(self.python)

    def key(self, service: Service, check: Check) -> str:
        """Return the cache key of a check's result, which includes the seed if the check shuffles tests."""
        seed = self.seed if check.shuffles else None
        return key(service.digest, check, self.tools.key(service.code), seed)

    def command(self, check: Check) -> list[str]:
        """Return the check's command as a shell line without the harness's options."""
        return [*shlex.split(check.command), *([f"--randomly-seed={self.seed}"] * check.shuffles)]

    def send(self, **message: object) -> None:
        assert self.server.stdin
        self.server.stdin.write(json.dumps(message) + "\n")
        self.server.stdin.flush()

    def warm_up(self) -> None:
        for service in self.warm_services:
            self.send(warm_up={"directory": str(self.copy(service)), "commands": PRELOADED})
        self.warm_services = ()

    def submit(self, service: Service, check: Check) -> str:
        """Start a check unless it is pending or cached, and return its key."""
        name = self.key(service, check)
        if name in self.pending or name in self.results:
            return name
        if usage := self.cache.get(name):
            self.results[name] = CheckResult(service, check, usage, code=0, cached=True)
            return name
        self.pending[name] = service, check
        self.warm_up()
        cache = str(CACHE / self.directory.name)  # one cache of mypy per runner
        variables = self.servers.variables(service) if check.needs_servers else {}
        self.send(
            key=name,
            directory=str(self.copy(service)),
            command=[*self.command(check), *(option.replace("{cache}", cache) for option in check.options)],
            environment=environment(self.python) | dict(check.variables) | variables,
            cold=check.cold,
            timeout=check.timeout,
        )
        return name

    def result(self, service: Service, check: Check, meter: Meter) -> CheckResult:
        """Submit a check, wait for its result, and return it."""
        name = self.submit(service, check)
        self.poll()
        if name not in self.results:
            with meter.shown():
                while name not in self.results:
                    time.sleep(0.05)
                    self.poll()
                    meter.show(len(self.results), len(self.results) + len(self.pending))
        return self.results[name]

    def poll(self) -> None:
        """Record the outcomes of checks that have completed."""
        for name in list(self.pending):
            file = self.directory / "outcomes" / f"{name}.json"
            if file.exists():
                self.record(name, json.loads(file.read_text(encoding="utf-8")))
        assert self.server.poll() is None or not self.pending, "the fork server has exited"

    def record(self, name: str, outcome: dict[str, Any]) -> None:
        service, check = self.pending.pop(name)
        usage = Usage(outcome["seconds"], outcome["cpu"], outcome["memory"])
        reproduce = service.shell_command(shlex.join([*self.launcher, *self.command(check)]))
        output = outcome["output"] + killed_by(outcome["code"], usage.seconds)
        self.results[name] = CheckResult(service, check, usage, outcome["code"], output, reproduce)
        if self.results[name].passed:
            self.cache.put(name, usage)

    def copy(self, service: Service) -> Path:
        """Write only the service's code to a new directory, once for all services with equal code."""
        directory = self.directory / service.digest[:12]
        if not directory.exists():
            write(service.code, directory)
            if self.python == sys.executable:
                write(compiled(service.code), directory)
        return directory

    def close(self) -> None:
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait()
