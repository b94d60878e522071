"""What the template alone makes of recorded answers: the service before anybody edited it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import copier

from .errors import CommandError
from .repository import Record


@dataclass(frozen=True)
class Rendering:
    """The files of a version, but for the answers file, and what Copier knows of their template."""

    files: dict[str, bytes]
    url: str  # as Git reads it
    is_seed: Callable[[Path], bool]  # whether a file is written once, and never again


REMEMBERED: dict[str, Rendering] = {}  # an update looks at the same version more than once


def render(record: Record, answers_file: str) -> Rendering:
    """Render what is recorded; raises `CommandError` when its template is out of reach or fails."""
    key = repr((record, answers_file))
    if key not in REMEMBERED:
        with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            REMEMBERED[key] = copied(record, answers_file, Path(directory))
    return REMEMBERED[key]


def copied(record: Record, answers_file: str, directory: Path) -> Rendering:
    """Let Copier write into a directory, and read what it wrote."""
    source, version = record["_src_path"], record["_commit"]
    try:
        worker = copier.run_copy(
            source,
            directory,
            data={name: answer for name, answer in record.items() if name[0] != "_"},
            answers_file=answers_file,
            vcs_ref=version,
            defaults=True,
            overwrite=True,
            quiet=True,
            skip_tasks=True,
            unsafe=True,
        )
    except Exception as error:
        raise CommandError(
            f"The template {source} cannot be rendered at {version}: {reason(error)}\n"
            f"_src_path and _commit of {answers_file} say where it is; is it there?"
        ) from error
    files = read(directory)
    files.pop(answers_file, None)
    return Rendering(files, worker.template.url_expanded, worker.match_skip)


def read(directory: Path) -> dict[str, bytes]:
    """Read all files below a directory."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def reason(error: Exception) -> str:
    """Say in one line why Copier failed; Git's own words are the last that it had."""
    said = str(getattr(error, "stderr", None) or error).strip()
    return said.splitlines()[-1].strip(" |") if said else type(error).__name__
