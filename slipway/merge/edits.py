"""Check whether a file contains a change, by merging the change with `git merge-file`."""

from __future__ import annotations

import re
import subprocess
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory

NAMES = ("current", "base", "other")
CONFLICT = re.compile(
    rb"^<{7} current\n.*?^\|{7} base\n(?P<base>.*?)^={7}\n(?P<other>.*?)^>{7} other$", re.DOTALL | re.MULTILINE
)
MARKER = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
SIGNALS = 128  # exit codes of `git merge-file` from here on are failures; smaller ones count conflicts


def merge_file(current: bytes, base: bytes, other: bytes, *options: str) -> bytes:
    """Merge the change from `base` to `other` into `current`, with conflict markers around overlapping changes.

    Binary files are not merged: the result is `other` if `current` is unchanged, else `current`.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for name, content in zip(NAMES, (current, base, other), strict=True):
            Path(directory, name).write_bytes(content)
        labels = [word for name in NAMES for word in ("-L", name)]
        command = ["git", "merge-file", "--stdout", "--diff3", *options, *labels, *NAMES]
        done = subprocess.run(command, cwd=directory, capture_output=True, check=False)
    if done.returncode >= SIGNALS:
        return other if current == base else current
    return done.stdout


def conflict_hunks(current: bytes, base: bytes, other: bytes) -> set[bytes]:
    """Return the conflicts in a merged file, each with both sides and the base version."""
    return {match[0] for match in CONFLICT.finditer(merge_file(current, base, other))}


def has_insertions(current: bytes, base: bytes, other: bytes) -> bool:
    """Return whether the change from `base` to `other` only inserts blocks of lines, and `current` contains them.

    `git merge-file` inserts such a block a second time if the surrounding lines in `current` changed much.
    """
    before, after = base.splitlines(keepends=True), other.splitlines(keepends=True)
    changes = [
        code for code in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    blocks = [b"".join(after[start:end]).strip() for _, _, _, start, end in changes]
    return all(tag == "insert" for tag, *_ in changes) and all(
        block.count(b"\n") and current.count(block) >= other.count(block) for block in blocks
    )


def lacks(current: bytes, base: bytes, other: bytes, before: bytes | None) -> bool:
    """Return whether `current` lacks a part of the change from `base` to `other`.

    A conflicting hunk counts as contained, because its conflict was resolved, unless its lines are still as `before`
    and `current` lacks the blocks that it inserts, which may be elsewhere if Git aligned the lines differently.
    """
    if merge_file(current, base, other, "--ours") != current and not has_insertions(current, base, other):
        return True
    if before is None:
        return False
    unresolved = conflict_hunks(current, base, other) & conflict_hunks(before, base, other)
    hunks = [match for hunk in unresolved if (match := CONFLICT.search(hunk))]
    return not all(has_insertions(current, hunk["base"], hunk["other"]) for hunk in hunks)


def count_markers(content: bytes) -> int:
    """Count the conflict markers in a file."""
    return len(MARKER.findall(content))
