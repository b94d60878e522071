"""What a break is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BOTH = ("postgresql", "sqlite")

POSTGRESQL = ("postgresql",)

SQLITE = ("sqlite",)


@dataclass(frozen=True)
class Break:
    """A sentence that says what is wrong, the edit that makes it so, and the test of the service that sees it."""

    name: str
    path: str
    old: str  # empty where the file is a new one
    new: str
    test: str
    databases: tuple[str, ...] = POSTGRESQL
    drill: bool = False
    answers: Mapping[str, Any] = field(default_factory=dict, hash=False)  # to other questions than that of the database
    says: str = ""  # what the test tells, where it holds a rule

    def apply(self, service: Path) -> None:
        """Edit the service; what is to be replaced must stand there once, or a break would break nothing."""
        file = service / self.path
        if not self.old:
            assert not file.exists(), f"{self.path} is there already"
            file.write_text(self.new, encoding="utf-8")
            return
        text = file.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{self.path} holds {text.count(self.old)} times: {self.old}"
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")
