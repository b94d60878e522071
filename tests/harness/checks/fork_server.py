"""Run a service's commands in forks of a server process that has imported the libraries.

The server process imports only the standard library and requirements of the services, so it runs in any of their
environments. Jobs are read as lines of JSON; the outcome of each is written to a file. The server stops when its input
closes.

    python -P fork_server.py <outcomes> <number of concurrent forks> < jobs
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
SLOT = "{slot}"  # in an argument: replaced by the number of the fork, for files that forks must not share


@dataclass(frozen=True)
class Job:
    """A request to run a command in a directory, read from the server's standard input.

    A cold job runs by exec in a new process.
    """

    key: str
    directory: str
    command: list[str]
    environment: dict[str, str]
    cold: bool = False
    timeout: float = 900  # seconds


@dataclass(frozen=True)
class Outcome:
    """The exit code, output, time and peak memory of a completed command.

    Wall and CPU time are in seconds, peak memory in KiB.
    """

    code: int
    output: str
    seconds: float
    cpu: float
    memory: int


@dataclass
class Fork:
    """A running job, with the process ID of its fork and the file of its output."""

    job: Job
    slot: int
    pid: int
    output: Path
    started: float = field(default_factory=time.monotonic)

    def end(self, status: int, used: resource.struct_rusage) -> Outcome:
        output = self.output.read_text(encoding="utf-8", errors="replace")
        seconds = time.monotonic() - self.started
        return Outcome(
            os.waitstatus_to_exitcode(status), output, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss
        )

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def tools() -> dict[str, object]:
    """Return the versions of the interpreter, libc and installed distributions.

    They are part of the cache key of each check. The kernel's version is omitted, because no check reads it.
    """
    installed = {
        each.metadata["Name"]: {"version": each.version, "requires": each.requires or []} for each in distributions()
    }
    return {"interpreter": [sys.version, platform.machine(), *platform.libc_ver()], "distributions": installed}


def run(command: list[str]) -> None:
    """Run the service's `app` command, or a console script of an installed distribution, as `uv run` does."""
    name, *arguments = command
    if name == "app":
        sys.argv = [name, *arguments]
        gc.disable()  # short-lived: collections during imports would only cost time
        runpy.run_module("app", run_name="__main__", alter_sys=True)
        return
    sys.argv = [str(Path(sys.executable).with_name(name)), *arguments]
    (script,) = entry_points(group="console_scripts", name=name)
    sys.exit(script.load()())


def run_in_fork(job: Job, output: Path, slot: int) -> int:
    """Start a command in a fork, and return the process ID.

    The fork leads a process group.
    """
    sys.stdout.flush()
    if pid := os.fork():
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        return pid
    code = 70
    try:
        enter(job, output)
        command = [argument.replace(SLOT, str(slot)) for argument in job.command]
        if job.cold:
            os.execvpe(command[0], command, job.environment)  # noqa: S606 - a command of the harness
        code = exit_code(command)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def enter(job: Job, output: Path) -> None:
    """Set the working directory, output and environment of this fork, as in a new process."""
    os.setpgid(0, 0)
    with Path(os.devnull).open("rb") as nothing, output.open("wb") as stream:
        os.dup2(nothing.fileno(), 0)
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.chdir(job.directory)
    os.environ.clear()
    os.environ.update(job.environment)
    tempfile.tempdir = None
    sys.path.insert(0, job.directory)
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
    """List the modules that a service and its tests import, by collecting its tests in a fork."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.chdir(directory)
        sys.path.insert(0, directory)
        exit_code(["pytest", *COLLECT])
        with os.fdopen(write, "w") as stream:
            stream.write("\n".join(name for name in sys.modules if name.partition(".")[0] not in OWN))
            stream.flush()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        names = stream.read().splitlines()
    os.waitpid(pid, 0)
    return names


def warm_up(directory: str, commands: list[str]) -> None:
    """Import the commands' modules and the service's dependencies before the first job."""
    for script in entry_points(group="console_scripts"):
        if script.name in commands:
            script.load()
    for name in imported_by(directory):
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # forks import it themselves
                importlib.import_module(name)
    logging.root.handlers.clear()  # one of the libraries configures logging on import
    logging.root.setLevel(logging.WARNING)
    gc.collect()
    gc.freeze()  # keep shared pages out of garbage collection in forks


class Server:
    """A server that reads jobs, and runs several of them concurrently."""

    def __init__(self, outcomes: Path, slots: int) -> None:
        self.outcomes = outcomes
        self.slots = list(range(slots))
        self.queue: list[Job] = []
        self.running: dict[int, Fork] = {}
        self.unread = b""

    def serve(self) -> None:
        """Run the jobs from standard input until it closes, then kill those still running."""
        os.set_blocking(0, False)
        try:
            while self.read():
                while self.queue and self.slots:
                    self.start(self.queue.pop(0), self.slots.pop(0))
                self.collect()
        finally:
            for fork in self.running.values():
                fork.kill()

    def read(self) -> bool:
        """Queue the jobs available on standard input, and return False at its end."""
        readable, _, _ = select.select([0], [], [], 0.01 if self.running or self.queue else None)
        if not readable:
            return True
        chunk = os.read(0, 1 << 16)
        *lines, self.unread = (self.unread + chunk).split(b"\n")
        for line in map(json.loads, lines):
            if "warm_up" in line:
                warm_up(**line["warm_up"])
            else:
                self.queue.append(Job(**line))
        return bool(chunk)

    def start(self, job: Job, slot: int) -> None:
        output = self.outcomes / f"{job.key}.output"
        pid = run_in_fork(job, output, slot)
        self.running[pid] = Fork(job, slot, pid, output)

    def collect(self) -> None:
        """Write the outcomes of commands that ended, and kill commands that timed out."""
        for pid, fork in list(self.running.items()):
            ended, status, used = os.wait4(pid, os.WNOHANG)
            if ended:
                del self.running[pid]
                self.slots.append(fork.slot)
                fork.kill()  # orphaned child processes
                self.write_outcome(fork.job.key, fork.end(status, used))
            elif time.monotonic() - fork.started > fork.job.timeout:
                fork.kill()

    def write_outcome(self, key: str, outcome: Outcome) -> None:
        partial = self.outcomes / f"{key}.partial"
        partial.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        partial.rename(self.outcomes / f"{key}.json")


if __name__ == "__main__":
    if sys.argv[1:] == ["tools"]:
        print(json.dumps(tools()))  # noqa: T201
    else:
        Server(Path(sys.argv[1]), int(sys.argv[2])).serve()
