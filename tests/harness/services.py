"""A rendered service: where it lies, what it holds, and how to make it again outside the harness."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tests.harness.combinations import COMBINATIONS, DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations import Answers
    from tests.harness.rendering import Tree

CODE = ("app", "development", "migrations", "tests")
STYLE = ("pyproject.toml", "ruff.toml", ".env.example")


def is_code(path: str) -> bool:
    """Say whether a service's tests, types and lint depend on this file, rather than what surrounds the service."""
    return PurePosixPath(path).parts[0] in CODE or path in STYLE or path.endswith(".py")


@dataclass(frozen=True)
class Service:
    """What one combination of answers gives. Nothing may change it: what writes works on a copy."""

    label: str
    directory: Path
    files: Tree = field(repr=False)

    @property
    def answers(self) -> Answers:
        return COMBINATIONS[self.label]

    @cached_property
    def digest(self) -> str:
        """Name the code of the service: services of one digest differ only in what surrounds them."""
        code = sorted((path, file.content) for path, file in self.files.items() if is_code(path))
        return hashlib.sha256(repr(code).encode()).hexdigest()

    def by_hand(self, command: str) -> str:
        """Tell the line that runs `command` on this service, from the root of the template and without the harness."""
        default = COMBINATIONS[DEFAULT]
        given = [f"{name}={value}" for name, value in self.answers.items() if value != default[name]]
        data = "".join(f" --data {shlex.quote(answer)}" for answer in given)
        copy = f"uv run copier copy --trust --defaults --vcs-ref HEAD{data} . $service"
        return f"service=$(mktemp -d) && {copy} && cd $service && uv run {command}"
