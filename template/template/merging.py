"""Git's three-way merge, of single files."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

NAMES = ("current", "base", "other")
CONFLICT = re.compile(rb"^<{7} current\n.*?^>{7} other$", re.DOTALL | re.MULTILINE)
SIGNALS = 128  # from which on an exit code counts no conflicts, but tells of a failure


def merged(current: bytes, base: bytes, other: bytes, *options: str) -> bytes:
    """Bring what leads from `base` to `other` into `current`, with markers where both changed.

    What is no text is taken whole: from `other` when nobody changed it, else from `current`.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for name, content in zip(NAMES, (current, base, other), strict=True):
            Path(directory, name).write_bytes(content)
        labels = [word for name in NAMES for word in ("-L", name)]
        command = ["git", "merge-file", "--stdout", "--diff3", *options, *labels, *NAMES]
        run = subprocess.run(command, cwd=directory, capture_output=True, check=False)
    if run.returncode >= SIGNALS:
        return other if current == base else current
    return run.stdout


def conflicts(current: bytes, base: bytes, other: bytes) -> set[bytes]:
    """List where both sides changed the same lines: what each has, and what was there before."""
    return set(CONFLICT.findall(merged(current, base, other)))


def lacks(current: bytes, base: bytes, other: bytes, before: bytes | None) -> bool:
    """Say whether something that leads from `base` to `other` is not in `current`.

    A change that could be merged without a conflict was not merged. One that conflicts was looked
    at by somebody, unless those lines are still as they were `before` it came.
    """
    if merged(current, base, other, "--ours") != current:
        return True
    if before is None:
        return False
    return not conflicts(current, base, other).isdisjoint(conflicts(before, base, other))
