"""Known equivalent mutants, read from `equivalent.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.mutants.mutation import Mutant

FILE = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """A code change that no test can detect, and the reason."""

    path: str
    line: str
    old: str
    new: str
    reason: str

    def matches(self, mutant: Mutant) -> bool:
        return (self.path, self.line) == (mutant.path, mutant.text) and (self.old, self.new) in mutant.changes


@cache
def equivalents() -> list[Equivalent]:
    entries = tomllib.loads(FILE.read_text(encoding="utf-8")).get("mutant", [])
    return [Equivalent(**entry) for entry in entries]


def is_equivalent(mutant: Mutant) -> bool:
    return any(each.matches(mutant) for each in equivalents())
