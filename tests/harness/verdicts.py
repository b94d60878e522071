"""Checks of a whole service, run by the first combination that has its code; the others share the verdict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor, Future

    from tests.harness.services import Service

SUITE = "pytest -q --cov"
KEPT = ("HOME", "LANG", "TERM", "TMPDIR")
LONGEST = 900  # seconds
TAIL = 80  # lines


def environment() -> dict[str, str]:
    """Give a command the tools of the harness, and none of its other variables."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {"PATH": tools}


@dataclass(frozen=True)
class Verdict:
    """How a command ended, on the code that several services share."""

    service: Service
    command: str
    passed: bool
    output: str

    def hold(self, for_service: Service) -> None:
        """Fail where the command failed; skip the services that share the code, so that one failure is told once."""
        if self.passed:
            return
        if for_service is not self.service:
            pytest.skip(f"the same code as {self.service.label}, for which `{self.command}` failed")
        tail = "\n".join(self.output.splitlines()[-TAIL:])
        pytest.fail(f"{tail}\n\nOutside the harness:\n{self.service.by_hand(self.command)}", pytrace=False)


class Verdicts:
    """The verdicts of this run, and the copies of the services in which they were found."""

    def __init__(self, directory: Path, executor: Executor) -> None:
        self.directory = directory
        self.executor = executor
        self.begun: dict[tuple[str, str], Future[Verdict]] = {}

    def begin(self, service: Service, command: str, options: Iterable[str] = ()) -> Future[Verdict]:
        """Run `command` on this code, unless that has begun; `options` are the harness's own, and change no outcome."""
        key = service.digest, command
        if key not in self.begun:
            copy = self.copy(service)
            self.begun[key] = self.executor.submit(find, service, copy, command, options)
        return self.begun[key]

    def of(self, service: Service, command: str, options: Iterable[str] = ()) -> Verdict:
        return self.begin(service, command, options).result()

    def copy(self, service: Service) -> Path:
        directory = self.directory / service.digest[:12]
        if not directory.exists():
            shutil.copytree(service.directory, directory)
        return directory


def find(service: Service, directory: Path, command: str, options: Iterable[str]) -> Verdict:
    run = subprocess.run(
        [*command.split(), *options],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    return Verdict(service, command, run.returncode == 0, run.stdout)
