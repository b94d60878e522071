"""The results on services: found in forks of a warm process, shared by services of the same code, remembered."""

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
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.harness.checks.checks import Check
    from tests.harness.checks.progress import Meter
    from tests.harness.checks.servers import Servers
    from tests.harness.combinations.rendering import Tree
    from tests.harness.combinations.services import Service

CACHE = ROOT / ".cache"
KEPT = ("HOME", "LANG", "TERM", "TMPDIR")
TAIL = 80  # lines
COMPILED = ("app/", "development/")
CHECKED_BY_HASH = 0b11
LONG_AGO = 30 * 86_400  # seconds: what nobody asked for since then is code that is gone
FORKS = (os.cpu_count() or 1) + 1  # at a time: a suite waits for databases and clocks a third of its time
WARMED = ("mypy", "pytest", "lint-imports", "deptry")  # whose libraries are imported before the forks


def environment(python: str = sys.executable) -> dict[str, str]:
    """Give a command the tools of an environment, and none of the harness's other variables."""
    tools = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"PATH": tools, "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Usage:
    """What a check took: seconds, seconds of processors, KiB at the most."""

    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class CheckResult:
    """How a check ended, on the code that several services share."""

    service: Service
    check: Check
    figures: Usage
    code: int  # with which the command ended
    output: str = ""
    again: str = ""  # the line that runs it again, outside the harness
    remembered: bool = False

    @property
    def passed(self) -> bool:
        return self.code == 0

    def assert_passed(self, for_service: Service) -> None:
        """Fail where the check failed; skip the services that share the code, so that one failure is told once."""
        if self.passed:
            return
        if for_service.label != self.service.label:
            pytest.skip(f"the same code as {self.service.label}, for which `{self.check.command}` fails")
        tail = "\n".join(self.output.splitlines()[-TAIL:])
        pytest.fail(f"`{self.check.command}` fails\n\n{tail}\n\nOutside the harness:\n{self.again}", pytrace=False)


def cut_short(code: int, seconds: float) -> str:
    """Say that a command did not end by itself, as one that hangs does not."""
    return f"\nIt was ended by {signal.Signals(-code).name} after {seconds:.0f} seconds." if code < 0 else ""


class ResultCache:
    """What passed in earlier runs, by all that it depended on; only a pass is remembered."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.forget(lambda remembered: time.time() - remembered.stat().st_mtime > LONG_AGO)

    def recall(self, key: str) -> Usage | None:
        """Tell what it took when it passed; nothing, when it never did."""
        remembered = self.directory / key
        if not remembered.exists():
            return None
        remembered.touch()
        return Usage(**json.loads(remembered.read_text(encoding="utf-8")))

    def keep(self, key: str, figures: Usage) -> None:
        (self.directory / key).write_text(json.dumps(asdict(figures)), encoding="utf-8")

    def forget(self, which: Callable[[Path], bool] = lambda _: True) -> None:
        for remembered in filter(which, list(self.directory.iterdir())):
            remembered.unlink()


def key(*parts: object) -> str:
    """Name what passed by all that it depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache  # for many services have the same modules
def bytecode(source: bytes) -> bytes:
    """Compile a module, as Python would keep it: good for as long as the source is this one (PEP 552)."""
    with warnings.catch_warnings(action="ignore"):  # what a module is warned for is told where it is checked
        code = compile(source, "", "exec", dont_inherit=True)
    digest = importlib.util.source_hash(source)
    return b"".join([importlib.util.MAGIC_NUMBER, CHECKED_BY_HASH.to_bytes(4, "little"), digest, marshal.dumps(code)])


def compiled(code: Tree) -> Tree:
    """Give the bytecode of a service's own modules, where Python looks for it; pytest compiles tests in its own way."""
    modules = [path for path in code if path.startswith(COMPILED) and path.endswith(".py")]
    return {
        importlib.util.cache_from_source(path): File(bytecode(code[path].content), executable=False) for path in modules
    }


class CheckRunner:
    """Finds results, several at a time, in the background, in the environment of an interpreter."""

    run: Sequence[str] = ("uv", "run")  # what makes such an environment, before a command
    seed: int = 0
    forks: int = FORKS
    like: Sequence[Service] = ()  # services whose libraries are imported before the first fork

    def __init__(self, directory: Path, memory: ResultCache, servers: Servers, python: str = sys.executable) -> None:
        self.directory = directory
        self.memory = memory
        self.python = python
        self.servers = servers
        self.begun: dict[str, tuple[Service, Check]] = {}
        self.found: dict[str, CheckResult] = {}
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
        """Name a result by all that it depends on, the order of the tests included."""
        order = self.seed if check.shuffles else None
        return key(service.digest, check, self.tools.key(service.code), order)

    def command(self, check: Check) -> list[str]:
        """Give the command of a check, as its owner would type it to see the same."""
        return [*shlex.split(check.command), *([f"--randomly-seed={self.seed}"] * check.shuffles)]

    def order(self, **order: object) -> None:
        assert self.server.stdin
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()

    def warm_up(self) -> None:
        for service in self.like:
            self.order(warm_up={"directory": str(self.copy(service)), "commands": WARMED})
        self.like = ()

    def begin(self, service: Service, check: Check) -> str:
        """Run a check on this code, unless it has begun or is remembered; name it by all that it depends on."""
        name = self.key(service, check)
        if name in self.begun or name in self.found:
            return name
        if figures := self.memory.recall(name):
            self.found[name] = CheckResult(service, check, figures, code=0, remembered=True)
            return name
        self.begun[name] = service, check
        self.warm_up()
        cache = str(CACHE / self.directory.name)  # no two runners write to one
        variables = self.servers.variables(service) if check.asks_servers else {}
        self.order(
            key=name,
            directory=str(self.copy(service)),
            command=[*self.command(check), *(option.replace("{cache}", cache) for option in check.options)],
            environment=environment(self.python) | dict(check.variables) | variables,
            cold=check.cold,
            patience=check.patience,
        )
        return name

    def of(self, service: Service, check: Check, meter: Meter) -> CheckResult:
        """Wait for the result of a check on this code."""
        name = self.begin(service, check)
        self.look()
        if name not in self.found:
            with meter.shown():
                while name not in self.found:
                    time.sleep(0.05)
                    self.look()
                    meter.show(len(self.found), len(self.found) + len(self.begun))
        return self.found[name]

    def look(self) -> None:
        """Take in what has ended."""
        for name in list(self.begun):
            told = self.directory / "outcomes" / f"{name}.json"
            if told.exists():
                self.take(name, json.loads(told.read_text(encoding="utf-8")))
        assert self.server.poll() is None or not self.begun, "the process that runs the checks is gone"

    def take(self, name: str, outcome: dict[str, Any]) -> None:
        service, check = self.begun.pop(name)
        figures = Usage(outcome["seconds"], outcome["cpu"], outcome["memory"])
        again = service.by_hand(shlex.join([*self.run, *self.command(check)]))
        output = outcome["output"] + cut_short(outcome["code"], figures.seconds)
        self.found[name] = CheckResult(service, check, figures, outcome["code"], output, again)
        if self.found[name].passed:
            self.memory.keep(name, figures)

    def copy(self, service: Service) -> Path:
        """Lay the code out where its tests may write; a check that needs anything else than code fails."""
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
