"""A cache of formatted modules by content, because starting ruff takes longer than rendering a file."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

EXPIRY = 14 * 24 * 3600  # seconds after which a module is formatted again
# What a formatted module depends on, beside its source and ruff.
INPUTS = ("extensions/slipway_template/formatting.py", "template/ruff.toml")


class FormattedModules:
    """A directory of formatted modules, each named by a digest of its source and of the formatter."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.known: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)
        for path in directory.iterdir():
            if time.time() - path.stat().st_mtime > EXPIRY:
                path.unlink(missing_ok=True)

    def use(self, environment: Environment, clone: Path) -> None:
        """Replace a clone's Jinja filter `module` by one that reads and fills this cache.

        For releases without ruff, modules are cached only in memory.
        """
        format_module = environment.filters.get("module")
        if format_module is None:
            return
        inputs = [(clone / name).read_bytes() for name in INPUTS if (clone / name).exists()]
        by_ruff = len(inputs) == len(INPUTS)
        salt = repr((inputs, version("ruff")) if by_ruff else clone).encode()
        formatting = sys.modules[format_module.__module__]

        def format_once(source: str) -> str:
            key = hashlib.sha256(salt + source.encode()).hexdigest()
            if key not in self.known:
                self.known[key] = self.stored(key, source, formatting) if by_ruff else format_module(source)
            return self.known[key]

        environment.filters["module"] = format_once

    def stored(self, key: str, source: str, formatting: Any) -> str:  # noqa: ANN401 - the module of a clone
        """Return a formatted module from the cache directory, or format it and store the result."""
        path = self.directory / key
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(formatting.format_modules([source])[source], encoding="utf-8")
            partial.rename(path)
        return path.read_text(encoding="utf-8")
