"""Shards: split a test run among several machines."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Shard:
    """One part of a test run, given by its number (from 1) and the number of parts."""

    part: int
    parts: int

    def has(self, name: str) -> bool:
        """Return whether a test belongs to this shard, according to the hash of the test's name."""
        return crc32(name.encode()) % self.parts == self.part - 1


def weekly_shard(week: int, weeks: int) -> Shard:
    """Return the shard whose tests run in a week; after a number of weeks, every test has run."""
    return Shard(week % weeks + 1, weeks)


def shard(text: str) -> Shard:
    """Parse a shard such as `2/4`: the second of four.

    Raises:
        argparse.ArgumentTypeError: It is not a shard.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shard; write 2/4 for the second of four")
    return Shard(int(match[1]), int(match[2]))
