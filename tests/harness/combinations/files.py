"""Every distinct file of all services, so that each is checked once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.harness.combinations.services import Service

# Each sheet has these, for what a linter thinks of one file depends on them.
SETTINGS = ("ruff.toml", "__init__.py")


@dataclass(frozen=True)
class DistinctFile:
    """One content that a path has, and the first service in which it has it."""

    path: str
    content: bytes = field(repr=False)
    service: Service
    location: Path

    @property
    def text(self) -> str:
        return self.content.decode()

    def __str__(self) -> str:
        return f"{self.path} of {self.service.label}"


class Files:
    """The distinct files, laid out on as few sheets as there are contents of one path.

    A sheet is a directory; files of one path that hold the same bytes count once.
    """

    def __init__(self, services: Iterable[Service], directory: Path) -> None:
        self.directory = directory
        contents: dict[str, dict[bytes, Service]] = defaultdict(dict)
        for service in services:
            for path, held in service.files.items():
                contents[path].setdefault(held.content, service)
        self.all = [
            DistinctFile(path, content, service, directory / str(number) / path)
            for path, found in contents.items()
            for number, (content, service) in enumerate(found.items())
        ]
        for file in self.all:
            file.location.parent.mkdir(parents=True, exist_ok=True)
            file.location.write_bytes(file.content)

    def __iter__(self) -> Iterator[DistinctFile]:
        return iter(self.all)

    def sheets(self) -> list[Path]:
        """Give the directories, each fit for a linter that looks at one file at a time."""
        sheets = sorted(self.directory.iterdir())
        settings = [file for file in self.all if file.path.endswith(SETTINGS)]
        for sheet in sheets:
            for file in settings:
                if not (sheet / file.path).exists():
                    (sheet / file.path).parent.mkdir(parents=True, exist_ok=True)
                    (sheet / file.path).write_bytes(file.content)
        return sheets

    def matching(self, *patterns: str) -> list[DistinctFile]:
        """List the files whose path ends like one of the patterns; `*` is the pattern of all."""
        return [file for file in self if any(PurePosixPath("/" + file.path).match(pattern) for pattern in patterns)]

    def problems(self, find: Callable[[DistinctFile], str], *patterns: str) -> str:
        """Gather what `find` says of each file, a line for each that it finds fault with."""
        told = ((file, find(file)) for file in self.matching(*patterns))
        return "\n".join(f"{file}: {problem}" for file, problem in told if problem)
