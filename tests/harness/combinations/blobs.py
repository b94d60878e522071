"""A content-addressed file store, which rendering processes write and the checking process reads."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from tests.harness.combinations.rendering import File, tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.rendering import Tree

Blob = tuple[str, bool]  # digest of the content, and whether the file is executable
Listing = dict[str, Blob]  # by path


class Store:
    """A directory of file contents, each named by its SHA-256 digest."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: dict[Blob, File] = {}
        directory.mkdir(exist_ok=True)

    def put(self, directory: Path) -> Listing:
        """Store every file below `directory`."""
        return {path: (self.put_content(file.content), file.executable) for path, file in tree(directory).items()}

    def put_content(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.directory / digest
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.rename(path)
        return digest

    def file(self, blob: Blob) -> File:
        """Return a stored file, as the same object for equal contents."""
        digest, executable = blob
        if blob not in self.files:
            self.files[blob] = File((self.directory / digest).read_bytes(), executable)
        return self.files[blob]

    def tree(self, listing: Listing) -> Tree:
        return {path: self.file(blob) for path, blob in sorted(listing.items())}
