"""Checks of a whole service, run by the first combination that has its code; the others share the verdict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.services import Service

KEPT = ("HOME", "LANG", "TERM", "TMPDIR")
LONGEST = 900  # seconds
TAIL = 60  # lines


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

    def told(self, to: Service) -> str:
        """Tell a failure where it was found; the services that share the code are referred to it."""
        if to.label != self.service.label:
            return f"`{self.command}` fails for the same code in {self.service.label}"
        tail = "\n".join(self.output.splitlines()[-TAIL:])
        return f"{tail}\n\nOutside the harness:\n{self.service.by_hand(f'uv run {self.command}')}"


class Verdicts:
    """The verdicts of this run, and the copies of the services in which they were found."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.known: dict[tuple[str, str], Verdict] = {}

    def of(self, service: Service, command: str, options: Iterable[str] = ()) -> Verdict:
        """Run `command` once for each distinct code; `options` are the harness's own, and do not change the outcome."""
        key = service.digest, command
        if key not in self.known:
            self.known[key] = self.find(service, command, options)
        return self.known[key]

    def find(self, service: Service, command: str, options: Iterable[str]) -> Verdict:
        directory = self.directory / service.digest[:12]
        if not directory.exists():
            shutil.copytree(service.directory, directory)
        run = subprocess.run(
            [*command.split(), *options],
            cwd=directory,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return Verdict(service, command, run.returncode == 0, run.stdout)
