"""Runs the commands of services in forks of a process that has imported their libraries already.

It needs no more than what the services themselves require, so that it runs in any environment of theirs. Orders come
as lines of JSON; the outcome of each lies in a file once it is known. When the orders' pipe closes, all ends.

    python -P warm.py <outcomes> <number of forks at a time> < orders
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import logging
import os
import platform
import runpy
import select
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource

OWN = ("app", "development", "migrations", "tests", "__main__")
COLLECT = ["--collect-only", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
SLOT = "{slot}"  # in an argument: the number of the fork, for what two forks must not share


@dataclass(frozen=True)
class Order:
    """A command, as one types it after `uv run`, and where; a cold one gets a process of its own, as in a shell."""

    key: str
    directory: str
    command: list[str]
    environment: dict[str, str]
    cold: bool = False
    patience: float = 900  # seconds


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, what it printed, and what it took (seconds, seconds of processors, KiB)."""

    code: int
    output: str
    seconds: float
    cpu: float
    memory: int


@dataclass
class Fork:
    """A command that runs."""

    order: Order
    slot: int
    pid: int
    output: Path
    begun: float = field(default_factory=time.monotonic)

    def end(self, status: int, used: resource.struct_rusage) -> Outcome:
        output = self.output.read_text(encoding="utf-8", errors="replace")
        seconds = time.monotonic() - self.begun
        return Outcome(
            os.waitstatus_to_exitcode(status), output, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss
        )

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def tools() -> dict[str, object]:
    """Describe what a result can depend on beside the service: the interpreter, and each distribution's requirements.

    Not the kernel: no check reads it.
    """
    installed = {
        found.metadata["Name"]: {"version": found.version, "requires": found.requires or []}
        for found in distributions()
    }
    return {"interpreter": [sys.version, platform.machine(), *platform.libc_ver()], "distributions": installed}


def run(command: list[str]) -> None:
    """Run what `uv run` would: the service's own command, or that of a distribution."""
    name, *arguments = command
    if name == "app":
        sys.argv = [name, *arguments]
        runpy.run_module("app", run_name="__main__", alter_sys=True)
        return
    sys.argv = [str(Path(sys.executable).with_name(name)), *arguments]
    (script,) = entry_points(group="console_scripts", name=name)
    sys.exit(script.load()())


def run_in_fork(order: Order, output: Path, slot: int) -> int:
    """Begin a command in a fork, which leads a group of its own; its number is the fork's."""
    sys.stdout.flush()
    if pid := os.fork():
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        return pid
    code = 70
    try:
        enter(order, output)
        command = [argument.replace(SLOT, str(slot)) for argument in order.command]
        if order.cold:
            os.execvpe(command[0], command, order.environment)  # noqa: S606 - a command of ours
        code = exit_code(command)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def enter(order: Order, output: Path) -> None:
    """Make this fork what a new process in the service's directory would be."""
    os.setpgid(0, 0)
    with Path(os.devnull).open("rb") as nothing, output.open("wb") as told:
        os.dup2(nothing.fileno(), 0)
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)
    os.chdir(order.directory)
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None
    sys.path.insert(0, order.directory)
    importlib.invalidate_caches()


def exit_code(command: list[str]) -> int:
    try:
        run(command)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def imported_by(directory: str) -> list[str]:
    """List what a service and its tests import, in order, as a fork finds out that is gone afterwards."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.chdir(directory)
        sys.path.insert(0, directory)
        exit_code(["pytest", *COLLECT])
        with os.fdopen(write, "w") as told:
            told.write("\n".join(name for name in sys.modules if name.partition(".")[0] not in OWN))
            told.flush()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        names = told.read().splitlines()
    os.waitpid(pid, 0)
    return names


def warm_up(directory: str, commands: list[str]) -> None:
    """Import what the service imports, and what the commands are made of."""
    for script in entry_points(group="console_scripts"):
        if script.name in commands:
            script.load()
    for name in imported_by(directory):
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # what cannot be imported alone is left to the forks
                importlib.import_module(name)
    logging.root.handlers.clear()  # one of the libraries sets up the log of whoever imports it
    logging.root.setLevel(logging.WARNING)
    gc.collect()
    gc.freeze()  # no fork needs to look for garbage in what all of them share


class Server:
    """Takes orders, and runs some at a time."""

    def __init__(self, outcomes: Path, slots: int) -> None:
        self.outcomes = outcomes
        self.slots = list(range(slots))
        self.waiting: list[Order] = []
        self.running: dict[int, Fork] = {}
        self.unread = b""

    def serve(self) -> None:
        """Work until nobody is there who would read the outcomes."""
        os.set_blocking(0, False)
        try:
            while self.read():
                while self.waiting and self.slots:
                    self.begin(self.waiting.pop(0), self.slots.pop(0))
                self.collect()
        finally:
            for fork in self.running.values():
                fork.kill()

    def read(self) -> bool:
        """Read what orders there are; tell whether there can be more."""
        readable, _, _ = select.select([0], [], [], 0.01 if self.running or self.waiting else None)
        if not readable:
            return True
        chunk = os.read(0, 1 << 16)
        *lines, self.unread = (self.unread + chunk).split(b"\n")
        for line in map(json.loads, lines):
            if "warm_up" in line:
                warm_up(**line["warm_up"])
            else:
                self.waiting.append(Order(**line))
        return bool(chunk)

    def begin(self, order: Order, slot: int) -> None:
        output = self.outcomes / f"{order.key}.output"
        pid = run_in_fork(order, output, slot)
        self.running[pid] = Fork(order, slot, pid, output)

    def collect(self) -> None:
        """Write down how each command ended that has; end those that take too long."""
        for pid, fork in list(self.running.items()):
            ended, status, used = os.wait4(pid, os.WNOHANG)
            if ended:
                del self.running[pid]
                self.slots.append(fork.slot)
                fork.kill()  # what it left behind
                self.tell(fork.order.key, fork.end(status, used))
            elif time.monotonic() - fork.begun > fork.order.patience:
                fork.kill()

    def tell(self, key: str, outcome: Outcome) -> None:
        partial = self.outcomes / f"{key}.partial"
        partial.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        partial.rename(self.outcomes / f"{key}.json")


if __name__ == "__main__":
    if sys.argv[1:] == ["tools"]:
        print(json.dumps(tools()))  # noqa: T201
    else:
        Server(Path(sys.argv[1]), int(sys.argv[2])).serve()
