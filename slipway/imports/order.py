"""Sort and format Python files with ruff after their imports were rewritten.

Files that were not sorted and formatted before stay as they are.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The template joins imports that fit on one line; an owner may have split them by a trailing comma.
JOINED = ("--config", "lint.isort.split-on-trailing-comma = false")
STYLES = (JOINED, ())
SORT = ("check", "--select", "I", "--fix", "--exit-zero")
STEPS = ((SORT, ("format",)), (SORT,))  # a file that is not formatted may have sorted imports
TIMEOUT = 120  # seconds for each run of ruff


def find_ruff(service: Path) -> str | None:
    """Return the path of ruff, beside Copier, on the PATH or in the service's environment; None if it is missing."""
    beside = Path(sys.executable).with_name("ruff")
    places = (beside, Path("ruff"), service / ".venv" / "bin" / "ruff", service / ".venv" / "Scripts" / "ruff")
    return next(filter(None, map(shutil.which, map(str, places))), None)


def keep_order(files: Mapping[str, tuple[str, str]], configuration: str, ruff: str | None) -> dict[str, str]:
    """Sort and format each rewritten file whose original was sorted and formatted.

    Args:
        files: the texts of each file before and after its imports were rewritten
        configuration: the content of the service's `ruff.toml`
        ruff: the path of the program; None returns files as they were rewritten
    """
    result = {name: after for name, (_, after) in files.items()}
    pending = {name: texts for name, texts in files.items() if name.endswith(".py") and len(set(texts)) > 1}
    for steps, style in product(STEPS, STYLES):
        if ruff and pending:
            sources = [text for texts in pending.values() for text in texts]
            formatted = _format(sources, configuration, (ruff, *style), steps)
            pairs = dict(zip(pending, zip(formatted[::2], formatted[1::2], strict=True), strict=True))
            ordered = {name: after for name, (before, after) in pairs.items() if before == pending[name][0]}
            result |= ordered
            pending = {name: texts for name, texts in pending.items() if name not in ordered}
    return result


def _format(
    sources: Sequence[str], configuration: str, command: Sequence[str], steps: Sequence[Sequence[str]]
) -> list[str]:
    """Sort and format Python sources with ruff; return them unchanged if ruff fails."""
    ruff, *style = command
    with TemporaryDirectory(prefix="slipway-") as directory:
        settings = Path(directory, "ruff.toml")
        settings.write_text(configuration, encoding="utf-8")
        paths = [Path(directory, f"{number}.py") for number in range(len(sources))]
        for path, source in zip(paths, sources, strict=True):
            path.write_bytes(source.encode())
        options = ("--quiet", "--no-cache", "--config", str(settings), *style, "--config", "respect-gitignore = false")
        for step in steps:
            run = [ruff, *step, *options, *map(str, paths)]
            try:
                subprocess.run(run, cwd=directory, check=False, capture_output=True, timeout=TIMEOUT)
            except (OSError, subprocess.TimeoutExpired):
                return list(sources)
        return [path.read_bytes().decode() for path in paths]
