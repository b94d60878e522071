"""A rendered service: what it holds, where it lies once that matters, and how to make it again outside the harness."""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tests.harness.combinations.copier_cli import data
from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.questions import all_questions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.blobs import Store
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.rendering import Tree

CODE = ("app", "development", "migrations", "tests")
STYLE = ("pyproject.toml", "ruff.toml", ".env.example")
HELD = "deploy/observability/"  # equal to what the service tells, which its tests see


@cache  # asked millions of times, of a few hundred paths
def is_code(path: str) -> bool:
    """Say whether a service's tests, types and lint depend on this file, rather than what surrounds the service.

    The scripts of assistants are checked by `test_hooks.py`.
    """
    top = PurePosixPath(path).parts[0]
    return top in CODE or path in STYLE or (path.endswith(".py") and top != ".claude") or path.startswith(HELD)


def write(files: Tree, directory: Path) -> None:
    """Write files below a directory, each with the modification time of its content."""
    for path, file in files.items():
        destination = directory / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(file.content)
        destination.chmod(0o755 if file.executable else 0o644)
        os.utime(destination, (file.mtime, file.mtime))


@dataclass(frozen=True)
class Service:
    """What one combination of answers gives. Nothing may change it: what writes works on a copy."""

    label: str
    answers: Answers
    place: Path = field(repr=False)
    files: Tree = field(repr=False)

    @cached_property
    def directory(self) -> Path:
        """The directory in which the service lies, from the first time that somebody asks."""
        if not self.place.exists():
            write(self.files, self.place)
        return self.place

    @cached_property
    def code(self) -> Tree:
        return {path: file for path, file in sorted(self.files.items()) if is_code(path)}

    @cached_property
    def digest(self) -> str:
        """Name the code of the service: services of one digest differ only in what surrounds them."""
        return hashlib.sha256(repr(self.code).encode()).hexdigest()

    def by_hand(self, command: str) -> str:
        """Tell the line that runs `command` on this service, from the root of the template and without the harness."""
        default = all_questions().default
        given = data({name: value for name, value in self.answers.items() if value != default[name]})
        copy = shlex.join(["uv", "run", "copier", "copy", "--trust", "--defaults", "--vcs-ref", "HEAD", *given, "."])
        return f"service=$(mktemp -d) && {copy} $service && cd $service && {command}"


def rendered(matrix: Matrix, store: Store, directory: Path) -> list[Service]:
    """Compose the service of every combination of which something was rendered, with Copier's record of its answers."""
    asked = all_questions()
    return [
        Service(label, each.answers, directory / label, store.tree(matrix.compose(each) | {RECORD: record}))
        for each, record in matrix.records.values()
        for label in [asked.label(each.answers)]
    ]
