"""Temporary files of tests in shared memory (tmpfs)."""

import os
import shutil
from pathlib import Path

MIN_FREE = 1 << 30  # bytes; many containers have 64 MiB of shared memory


def shared_memory() -> str | None:
    """Return a directory in shared memory, or None if there is none with enough space."""
    shared = Path("/dev/shm")  # noqa: S108
    if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > MIN_FREE:
        return str(shared)
    return None
