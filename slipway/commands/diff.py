"""Show how a service's files differ from the files that the template renders, as a patch."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from slipway.errors import CommandError
from slipway.source.rendering import Answers, render
from slipway.source.template import Template

if TYPE_CHECKING:
    from slipway.service.checkout import Service


def show_diff(service: Service, paths: list[str]) -> int:
    """Print how all or some files of a service differ from the rendered ones, and return 1 if any file differs."""
    record = service.record
    template = Template(record["_src_path"])
    try:
        rendered = render(template, str(record["_commit"]), Answers(service.record_text), service.answers_file).files
    finally:
        template.close()
    selected = [path for path in rendered if not paths or any(Path(path).is_relative_to(each) for each in paths)]
    if paths and not selected:
        raise CommandError(f"The template renders no file {', '.join(paths)}.")
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for path in selected:
            write(Path(directory, "a", path), rendered[path].content)
            write(Path(directory, "b", path), service.current(path))
        command = ["git", "diff", "--no-index", "--no-prefix", "a", "b"]
        return subprocess.run(command, cwd=directory, check=False).returncode


def write(file: Path, content: bytes | None) -> None:
    """Write a file, and create its parent directories.

    If the content is None, create only the directories.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        file.write_bytes(content)
