"""Runs after each update of a service: lets edits follow a file that has another name now, and tells what is gone.

Copier renders a file anew under its new name, and deletes the old one with all that its owner wrote in it. Here, what
the owner changed since the last update is merged into the new file, as Git would merge it; what clashes is marked as a
conflict. A file that the owner had changed, and that the template or an answer dropped, is named, with the command
that brings it back. Nothing else is touched. `moves.toml` says which files have moved.

    python follow.py <the answers file> (in the service's directory)
"""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import tempfile
import tomllib
from functools import cached_property
from pathlib import Path

MOVES = Path(__file__).with_name("moves.toml")
LABELS = ("before updating", "last update", "after updating")  # as Copier names the three sides


def git(*arguments: str | Path, given: str | None = None) -> bytes:
    """Run Git in the service; raise `CalledProcessError` where it fails."""
    text = given.encode() if given is not None else None
    return subprocess.run(["git", *arguments], check=True, capture_output=True, input=text).stdout


def moves() -> dict[str, str]:
    """Read which files have moved: patterns with one `*`, and where what they match is now."""
    with MOVES.open("rb") as declared:
        return {move["from"]: move["to"] for move in tomllib.load(declared).get("moves", []) if "to" in move}


def moved(path: str) -> str:
    """Say where a file is now, after any number of moves; where it was, when it never moved."""
    for pattern, to in moves().items():
        if fnmatch.fnmatchcase(path, pattern):
            head, _, tail = pattern.partition("*")
            return moved(to.replace("*", path[len(head) : len(path) - len(tail)]))
    return path


def deleted() -> list[str]:
    """List the files of the last commit that are not there any more, as seen from here."""
    listed = git("diff", "--name-only", "--diff-filter=D", "--relative", "-z", "HEAD", "--", ".").decode()
    return [path for path in listed.split("\0") if path]


class Before:
    """The service before this update."""

    def __init__(self, record: str) -> None:
        self.record = record
        self.room = tempfile.TemporaryDirectory()

    def content(self, path: str) -> bytes:
        """Give a file as its owner had it."""
        return git("show", f"HEAD:./{path}")

    @cached_property
    def pristine(self) -> Path:
        """The directory of what the template gave, at the version and with the answers that were recorded."""
        import copier  # noqa: PLC0415 - it takes a while, and most updates delete nothing
        import yaml  # noqa: PLC0415

        recorded = yaml.safe_load(self.content(self.record))
        answers = {name: answer for name, answer in recorded.items() if not name.startswith("_")}
        rendered = Path(self.room.name) / "pristine"
        source, version = recorded["_src_path"], recorded["_commit"]
        copier.run_copy(source, rendered, answers, vcs_ref=version, defaults=True, quiet=True, unsafe=True)
        return rendered

    def is_edited(self, path: str) -> bool:
        """Say whether a file differs from what the template gave, or is none of its files."""
        given = self.pristine / path
        return not given.exists() or given.read_bytes() != self.content(path)

    def merge_into(self, path: str, to: str) -> bool:
        """Merge what the owner changed in a file into the one that it has become; say whether that went well."""
        ours = Path(self.room.name) / "ours"
        ours.write_bytes(self.content(path))
        sides = (ours, self.pristine / path, Path(to))
        named = [argument for label in LABELS for argument in ("-L", label)]
        merged = subprocess.run(["git", "merge-file", "-p", *named, *sides], check=False, capture_output=True)
        if merged.returncode < 0 or merged.returncode > 127:  # noqa: PLR2004 - a number of conflicts is less
            raise subprocess.CalledProcessError(merged.returncode, "git merge-file", stderr=merged.stderr)
        blobs = [git("hash-object", "-w", "--", side).decode().strip() for side in sides]
        Path(to).write_bytes(merged.stdout)
        if merged.returncode:
            mark(to, base=blobs[1], ours=blobs[0], theirs=blobs[2])
        return merged.returncode == 0


def mark(path: str, *, base: str, ours: str, theirs: str) -> None:
    """Record a conflict where Git looks for it."""
    name = git("rev-parse", "--show-prefix").decode().strip() + path
    stages = [f"100644 {blob} {stage}\t{name}\n" for stage, blob in enumerate((base, ours, theirs), start=1)]
    git("update-index", "--index-info", given=f"0 {'0' * 40}\t{name}\n{''.join(stages)}")


def report(title: str, lines: list[str]) -> None:
    """Tell something, where there is something to tell."""
    if lines:
        print(f"\n{title}", *(f"    {line}" for line in lines), sep="\n", file=sys.stderr)


def main(record: str) -> None:
    """Look after what an update deleted."""
    before = Before(record)
    edited = [path for path in deleted() if before.is_edited(path)]
    followed = {path: moved(path) for path in edited if moved(path) != path and Path(moved(path)).exists()}
    clean = {path: before.merge_into(path, to) for path, to in followed.items()}
    report("What you changed followed its file:", [f"{path} → {to}" for path, to in followed.items()])
    report("It clashes with the update in:", [to for path, to in followed.items() if not clean[path]])
    lost = [path for path in edited if path not in followed]
    report("You had changed these files, and they are gone:", [f"git restore --source HEAD -- {path}" for path in lost])


if __name__ == "__main__":
    main(sys.argv[1])
