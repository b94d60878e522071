"""Shared memory (tmpfs) for temporary files of tests."""

import os
import shutil
from pathlib import Path

MIN_FREE = 1 << 30  # bytes; many containers have 64 MiB of shared memory


def shared_memory() -> str | None:
    """Return a directory in memory; None if there is none, or too little space."""
    shared = Path("/dev/shm")  # noqa: S108
    if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > MIN_FREE:
        return str(shared)
    return None
