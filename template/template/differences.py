"""What is the owner's, as a patch: from what the template made to what the work tree has."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from .errors import CommandError
from .pristine import render
from .repository import Service


def differences(service: Service, paths: list[str]) -> int:
    """Print differences, of all files or of those below some paths; gives 1 where there are any."""
    made = render(service.record, service.answers_file).files
    wanted = [path for path in made if not paths or any(is_below(path, each) for each in paths)]
    if paths and not wanted:
        raise CommandError(f"The template makes no {', '.join(paths)}.")
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for path in wanted:
            write(Path(directory, "a", path), made[path])
            write(Path(directory, "b", path), service.current(path))
        command = ["git", "diff", "--no-index", "--no-prefix", "a", "b"]
        return subprocess.run(command, cwd=directory, check=False).returncode


def is_below(path: str, other: str) -> bool:
    """Say whether a path is another one, or below it."""
    return Path(path).is_relative_to(other)


def write(file: Path, content: bytes | None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        file.write_bytes(content)
