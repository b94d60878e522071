"""Show the owner's edits as a patch, from what the template made to the work tree."""

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
    """Print the edits of all files, or of those below some paths; return 1 if there are any."""
    record = service.record
    template = Template(record["_src_path"])
    try:
        made = render(template, str(record["_commit"]), Answers(service.record_text), service.answers_file).files
    finally:
        template.close()
    wanted = [path for path in made if not paths or any(Path(path).is_relative_to(each) for each in paths)]
    if paths and not wanted:
        raise CommandError(f"The template makes no file {', '.join(paths)}.")
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for path in wanted:
            write(Path(directory, "a", path), made[path].content)
            write(Path(directory, "b", path), service.current(path))
        command = ["git", "diff", "--no-index", "--no-prefix", "a", "b"]
        return subprocess.run(command, cwd=directory, check=False).returncode


def write(file: Path, content: bytes | None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        file.write_bytes(content)
