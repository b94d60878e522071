"""Parts of a run, each for a machine of its own."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Shard:
    """One of `parts` parts, counted from 1."""

    part: int
    parts: int

    def has(self, name: str) -> bool:
        """Say whether a thing of this name falls into the part; it is in one part of all, whatever else there is."""
        return crc32(name.encode()) % self.parts == self.part - 1


def shard(text: str) -> Shard:
    """Read `2/4`; the error tells what is wrong."""
    told = re.fullmatch(r"(\d+)/(\d+)", text)
    if not told or not 1 <= int(told[1]) <= int(told[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no part of a whole; write 2/4 for the second of four")
    return Shard(int(told[1]), int(told[2]))
