"""The contents of files, each kept once, for the processes that render and the one that checks."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from tests.harness.combinations.rendering import File, tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.rendering import Tree

Blob = tuple[str, bool]  # the digest of a content, and whether it can be executed
Listing = dict[str, Blob]  # by path


class Store:
    """A directory of contents, by their digests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: dict[Blob, File] = {}
        directory.mkdir(exist_ok=True)

    def keep(self, directory: Path) -> Listing:
        """Keep every file below `directory`."""
        return {path: (self.keep_content(file.content), file.executable) for path, file in tree(directory).items()}

    def keep_content(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        kept = self.directory / digest
        if not kept.exists():
            partial = kept.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.rename(kept)
        return digest

    def file(self, blob: Blob) -> File:
        """Give a file that was kept; the same one for the same content."""
        digest, executable = blob
        if blob not in self.files:
            self.files[blob] = File((self.directory / digest).read_bytes(), executable)
        return self.files[blob]

    def tree(self, listing: Listing) -> Tree:
        return {path: self.file(blob) for path, blob in sorted(listing.items())}
