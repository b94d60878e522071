"""Shards: split a test run among several machines."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

WEEKS = 3  # in which CI runs every weekly test once
T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One part of a test run, given by its number (from 1) and the number of parts."""

    part: int
    parts: int

    def has(self, name: str) -> bool:
        """Return whether a test belongs to this shard, according to the hash of the test's name."""
        return crc32(name.encode()) % self.parts == self.part - 1


def shard(text: str) -> Shard:
    """Parse a shard such as `2/4`: the second of four.

    Raises:
        argparse.ArgumentTypeError: It is not a shard.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shard; write 2/4 for the second of four")
    return Shard(int(match[1]), int(match[2]))


def is_due(config: pytest.Config, name: str) -> bool:
    """Return whether a weekly test runs this week, in CI; larger and smaller matrices run all of them."""
    return config.option.matrix != "pairs" or Shard(config.option.order % WEEKS + 1, WEEKS).has(name)


def due(config: pytest.Config, items: Sequence[T]) -> Sequence[T]:
    """Return the one item whose turn it is this week, in CI; all items with larger and smaller matrices."""
    week = config.option.order % len(items)
    return items[week : week + 1] if config.option.matrix == "pairs" else items
