"""The class `Break`, which describes a deliberate fault in a rendered service that a test must detect."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BOTH = ("postgresql", "sqlite")

POSTGRESQL = ("postgresql",)

SQLITE = ("sqlite",)


@dataclass(frozen=True)
class Break:
    """A deliberate fault in a rendered service, the promise it violates, and the test that must fail."""

    name: str
    path: str
    old: str  # empty for a new file
    new: str
    test: str
    databases: tuple[str, ...] = POSTGRESQL
    drill: bool = False
    answers: Mapping[str, Any] = field(default_factory=dict, hash=False)  # to questions besides the database
    says: str = ""  # expected in the output of a test that enforces a rule
    promise: str = ""  # a page of the repository and its promise: "README.md: ..."

    def apply(self, service: Path) -> None:
        """Replace the only occurrence of `old` in the service's file by `new`.

        If `old` is empty, create the file.
        """
        file = service / self.path
        if not self.old:
            assert not file.exists(), f"{self.path} exists already"
            file.write_text(self.new, encoding="utf-8")
            return
        text = file.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{text.count(self.old)} occurrences in {self.path}: {self.old}"
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")


def promise(text: str, *breaks: Break, **answers: object) -> list[Break]:
    """Attach a promise, and the answers of services that make it, to the breaks that violate it."""
    return [replace(broken, promise=text, answers=answers) for broken in breaks]
