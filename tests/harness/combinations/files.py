"""The distinct files of all services, each of which is checked once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.harness.combinations.services import Service

# Files that affect how linters check other files: every sheet has them.
SETTINGS = ("ruff.toml", "__init__.py")


@dataclass(frozen=True)
class DistinctFile:
    """One of the contents that a path has among all services.

    `service` is the first service with this content.
    """

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
    """The distinct files of all services, written to numbered directories.

    The n-th content of each path is in directory n.
    """

    def __init__(self, services: Iterable[Service], directory: Path) -> None:
        self.directory = directory
        contents: dict[str, dict[bytes, Service]] = defaultdict(dict)
        for service in services:
            for path, rendered in service.files.items():
                contents[path].setdefault(rendered.content, service)
        self.all = [
            DistinctFile(path, content, service, directory / str(number) / path)
            for path, by_content in contents.items()
            for number, (content, service) in enumerate(by_content.items())
        ]
        for file in self.all:
            file.location.parent.mkdir(parents=True, exist_ok=True)
            file.location.write_bytes(file.content)

    def __iter__(self) -> Iterator[DistinctFile]:
        return iter(self.all)

    def sheets(self) -> list[Path]:
        """Return the numbered directories, after adding the linters' configuration files to each."""
        sheets = sorted(self.directory.iterdir())
        settings = [file for file in self.all if file.path.endswith(SETTINGS)]
        for sheet in sheets:
            for file in settings:
                if not (sheet / file.path).exists():
                    (sheet / file.path).parent.mkdir(parents=True, exist_ok=True)
                    (sheet / file.path).write_bytes(file.content)
        return sheets

    def matching(self, *patterns: str) -> list[DistinctFile]:
        """Return the files whose path matches a pattern; the pattern `*` matches every file."""
        return [file for file in self if any(PurePosixPath("/" + file.path).match(pattern) for pattern in patterns)]

    def problems(self, find: Callable[[DistinctFile], str], *patterns: str) -> str:
        """Return the problems that `find` reports for matching files, one file per line."""
        problems = ((file, find(file)) for file in self.matching(*patterns))
        return "\n".join(f"{file}: {problem}" for file, problem in problems if problem)
