"""Keys of rows: UUIDs that grow with time (version 7, RFC 9562), made before a row is written."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Make a key; later ones are greater, to a quarter of a microsecond (RFC 9562, section 6.2)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    chance = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | chance)
