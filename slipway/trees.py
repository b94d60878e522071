"""Read and write files and directory trees in Git's object database, without a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from slipway.git import git, query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE, EXECUTABLE, LINK = "100644", "100755", "120000"
IDENTITY = {
    "GIT_AUTHOR_NAME": "slipway",
    "GIT_AUTHOR_EMAIL": "slipway@template.invalid",
    "GIT_COMMITTER_NAME": "slipway",
    "GIT_COMMITTER_EMAIL": "slipway@template.invalid",
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
}


class Entry(NamedTuple):
    """The file mode and object id of a path in a Git tree."""

    mode: str
    blob: str


Tree = dict[str, Entry]


class Objects:
    """Reads and writes the blobs, trees and commits of a Git repository."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.contents: dict[str, bytes] = {}

    def tree(self, name: str) -> Tree:
        """Return all files of a tree or commit by their full paths."""
        entries: Tree = {}
        for line in git(self.directory, "ls-tree", "-r", "-z", "--full-tree", name).split("\0"):
            if line:
                about, _, path = line.partition("\t")
                mode, _, blob = about.split(" ")
                entries[path] = Entry(mode, blob)
        return entries

    def read(self, blobs: Iterable[str]) -> None:
        """Load blobs into memory by a single `git cat-file --batch`."""
        missing = [blob for blob in dict.fromkeys(blobs) if blob not in self.contents]
        if not missing:
            return
        done = subprocess.run(
            ["git", "cat-file", "--batch"],
            cwd=self.directory,
            input="".join(f"{blob}\n" for blob in missing).encode(),
            capture_output=True,
            check=True,
        )
        output, place = done.stdout, 0
        for blob in missing:
            end = output.index(b"\n", place)
            header = output[place:end].split(b" ")
            size = int(header[2]) if len(header) == 3 else 0  # noqa: PLR2004 - `<blob> missing` has two words
            self.contents[blob] = output[end + 1 : end + 1 + size]
            place = end + 1 + size + (1 if len(header) == 3 else 0)  # noqa: PLR2004

    def content(self, blob: str) -> bytes:
        """Return the bytes of a blob."""
        self.read([blob])
        return self.contents[blob]

    def file(self, tree: Tree, path: str) -> bytes | None:
        """Return the bytes of a file in a tree; None if the file is missing or a submodule."""
        entry = tree.get(path)
        return None if entry is None or entry.mode == "160000" else self.content(entry.blob)

    def store(self, contents: Iterable[bytes]) -> list[str]:
        """Write contents as blobs without applying Git filters, and return their object ids."""
        blobs = [*contents]
        with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            paths = [Path(directory, str(number)) for number in range(len(blobs))]
            for path, content in zip(paths, blobs, strict=True):
                path.write_bytes(content)
            options = ("hash-object", "-w", "--no-filters", "--stdin-paths")
            stored = git(self.directory, *options, stdin="".join(f"{path}\n" for path in paths).encode()).split()
        self.contents |= zip(stored, blobs, strict=True)
        return stored

    def write(self, tree: Mapping[str, Entry], base: str | None = None, prefix: str = "") -> str:
        """Write a tree, and return its object id.

        With a prefix, the tree replaces that directory in `base`.
        """
        with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            env = {"GIT_INDEX_FILE": str(Path(directory, "index"))}
            if base and prefix:
                git(self.directory, "read-tree", base, env=env)
                directory_of = f":(top,literal){prefix}"
                git(self.directory, "rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", directory_of, env=env)
            lines = "".join(f"{entry.mode} {entry.blob}\t{prefix}{path}\0" for path, entry in tree.items())
            git(
                self.directory,
                "update-index",
                "-z",
                "--index-info",
                stdin=lines.encode(errors="surrogateescape"),
                env=env,
            )
            return git(self.directory, "write-tree", env=env).strip()

    def commit(self, tree: str, *parents: str) -> str:
        """Create a commit of a tree without moving a branch, because `git merge-tree` needs commits."""
        options = [word for parent in parents for word in ("-p", parent)]
        return git(self.directory, "commit-tree", tree, *options, "-m", "slipway", env=IDENTITY).strip()

    def renames(self, before: str, after: str) -> dict[str, str]:
        """Return the files renamed between two trees, as Git detects them."""
        output = query(self.directory, "diff-tree", "-r", "-M", "-z", "--diff-filter=R", "--name-status", before, after)
        words = (output or b"").decode(errors="surrogateescape").split("\0")
        return {words[place + 1]: words[place + 2] for place in range(0, len(words) - 2, 3)}
