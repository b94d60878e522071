"""Every distinct file of all services, so that each is checked once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.harness.services import Service


@dataclass(frozen=True)
class DistinctFile:
    """One content that a path has, and the first service in which it has it."""

    path: str
    content: bytes
    service: Service

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def location(self) -> Path:
        return self.service.directory / self.path

    def __str__(self) -> str:
        return f"{self.path} of {self.service.label}"


class Files:
    """The distinct files; the files of one name that hold the same bytes count once."""

    def __init__(self, services: Iterable[Service]) -> None:
        self.all: dict[tuple[str, bytes], DistinctFile] = {}
        for service in services:
            for path, file in service.files.items():
                self.all.setdefault((path, file.content), DistinctFile(path, file.content, service))

    def __iter__(self) -> Iterator[DistinctFile]:
        return iter(self.all.values())

    def matching(self, *patterns: str) -> list[DistinctFile]:
        """List the files whose path ends like one of the patterns; `*` is the pattern of all."""
        return [file for file in self if any(PurePosixPath("/" + file.path).match(pattern) for pattern in patterns)]

    def problems(self, find: Callable[[DistinctFile], str], *patterns: str) -> str:
        """Gather what `find` says of each file, a line for each that it finds fault with."""
        told = ((file, find(file)) for file in self.matching(*patterns))
        return "\n".join(f"{file}: {problem}" for file, problem in told if problem)
