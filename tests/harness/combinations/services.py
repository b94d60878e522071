"""A rendered service, with its files, its directory, and the shell command that reproduces it."""

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
OBSERVABILITY = "deploy/observability/"  # the service's tests compare it with the metrics of the code


@cache  # called millions of times, for a few hundred paths
def is_code(path: str) -> bool:
    """Return whether tests, mypy or linters of a service read this file.

    Scripts of assistants do not count: `test_hooks.py` checks them.
    """
    top = PurePosixPath(path).parts[0]
    return top in CODE or path in STYLE or (path.endswith(".py") and top != ".claude") or path.startswith(OBSERVABILITY)


def write(files: Tree, directory: Path) -> None:
    """Write files and their executable bits below a directory.

    A file's modification time derives from its content.
    """
    for path, file in files.items():
        destination = directory / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(file.content)
        destination.chmod(0o755 if file.executable else 0o644)
        os.utime(destination, (file.mtime, file.mtime))


@dataclass(frozen=True)
class Service:
    """A rendered service, with the files for one combination of answers in a read-only directory."""

    label: str
    answers: Answers
    place: Path = field(repr=False)
    files: Tree = field(repr=False)

    @cached_property
    def directory(self) -> Path:
        """Return the directory of the service, written at first use."""
        if not self.place.exists():
            write(self.files, self.place)
        return self.place

    @cached_property
    def code(self) -> Tree:
        return {path: file for path, file in sorted(self.files.items()) if is_code(path)}

    @cached_property
    def digest(self) -> str:
        """Return the digest of the service's code, which identifies results shared by services with equal code."""
        return hashlib.sha256(repr(self.code).encode()).hexdigest()

    def shell_command(self, command: str) -> str:
        """Return a shell line that renders this service from the template's root and runs `command` in it."""
        default = all_questions().default
        options = data({name: value for name, value in self.answers.items() if value != default[name]})
        copy = shlex.join(["uv", "run", "copier", "copy", "--trust", "--defaults", "--vcs-ref", "HEAD", *options, "."])
        return f"service=$(mktemp -d) && {copy} $service && cd $service && {command}"


def rendered_services(matrix: Matrix, store: Store, directory: Path) -> list[Service]:
    """Return a service for every combination of which a file was rendered."""
    questionnaire = all_questions()
    return [
        Service(label, each.answers, directory / label, store.tree(matrix.compose(each) | {RECORD: record}))
        for each, record in matrix.records.values()
        for label in [questionnaire.label(each.answers)]
    ]
