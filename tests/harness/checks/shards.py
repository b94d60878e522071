"""Shards: parts of a run for several machines."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Shard:
    """The `part`-th of `parts` shards, counted from 1."""

    part: int
    parts: int

    def has(self, name: str) -> bool:
        """Return whether an item is in this shard; each name is in exactly one, by its hash."""
        return crc32(name.encode()) % self.parts == self.part - 1


def shard(text: str) -> Shard:
    """Parse `2/4`.

    Raises:
        argparse.ArgumentTypeError: It is not a shard.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shard; write 2/4 for the second of four")
    return Shard(int(match[1]), int(match[2]))
