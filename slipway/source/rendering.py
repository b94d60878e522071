"""Render a template with Copier, and return the files in memory.

Renderings of recorded answers are cached by the template's commit, the answers and the versions of tools.
"""

from __future__ import annotations

import errno
import json
import os
import time
import warnings
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from slipway.errors import CommandError
from slipway.source.template import CACHE
from slipway.trees import EXECUTABLE, FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slipway.service.checkout import Record
    from slipway.source.template import Template

RENDERINGS = CACHE / "renderings"
EXPIRY = 30 * 24 * 3600  # seconds
ABOUT = "//about"  # the archive's entry of metadata


class File(NamedTuple):
    """The content and file mode of a rendered file."""

    content: bytes
    mode: str = FILE


@dataclass(frozen=True)
class Rendering:
    """The files that a template version renders, without the answers file, and the answers used."""

    files: Mapping[str, File]
    record: Record
    seeds: frozenset[str] = frozenset()  # of `_skip_if_exists`: written once, then the owner's
    header: str = ""  # the comment at the top of the answers file


@dataclass(frozen=True)
class Answers:
    """The answers that a service has recorded, and new answers that override them."""

    recorded: bytes = b""  # an answers file
    new: Mapping[str, Any] = field(default_factory=dict)
    is_asking: bool = False  # ask open questions at the terminal


def render(template: Template, revision: str, answers: Answers, answers_file: str) -> Rendering:
    """Render a template revision with a service's answers, or load the result from the cache.

    Raises:
        CommandError: Copier failed, or an answer is invalid.
    """
    commit = template.resolve(revision)
    cached = None if answers.new or answers.is_asking else RENDERINGS / f"{key(commit, answers, answers_file)}.zip"
    rendering = load(cached) if cached else None
    if rendering is None:
        rendering = rendered(template, commit, answers, answers_file)
        if cached:
            save(cached, rendering)
    record = {"_commit": revision, **rendering.record, "_src_path": template.source}
    return replace(rendering, record=record)


def rendered(template: Template, commit: str, answers: Answers, answers_file: str) -> Rendering:
    """Render a commit of the template with Copier."""
    source = template.checkout(commit)
    with TemporaryDirectory(ignore_cleanup_errors=True) as place, warnings.catch_warnings(action="ignore"):
        directory = Path(place).resolve()
        try:
            worker = copied(source, directory, answers, answers_file)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            from copier.errors import UserMessageError  # noqa: PLC0415 - slow to import

            if answers.new and isinstance(error, UserMessageError | ValueError):  # about an answer, not the template
                raise CommandError(reason(error)) from error
            name = template.describe(commit)
            raise CommandError(
                f"The template {template.source} cannot be rendered at {name}: {reason(error)}"
            ) from error
        record = directory / answers_file
        text = record.read_text("utf-8") if record.is_file() else "{}"
        files = read_files(directory)
        seeds = frozenset(path for path in files if worker.match_skip(Path(path)))
    files.pop(answers_file, None)
    return Rendering(files, yaml.safe_load(text), seeds, header_of(text))


def header_of(text: str) -> str:
    """Return the comment lines at the top of an answers file."""
    return "".join(takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))


def copied(source: Path, directory: Path, answers: Answers, answers_file: str) -> Any:  # noqa: ANN401 - Copier's worker
    """Run Copier's `copy`, or `recopy` if there are recorded answers, and return the Copier worker."""
    import copier  # noqa: PLC0415 - takes as long as a whole `status` of a cached rendering

    options: dict[str, Any] = {
        "data": dict(answers.new),
        "answers_file": answers_file,
        "defaults": not answers.is_asking,
        "overwrite": True,
        "quiet": True,
        "skip_tasks": True,
        "unsafe": True,
    }
    if not answers.recorded:
        return copier.run_copy(str(source), directory, **options)
    recorded = yaml.safe_load(answers.recorded) | {"_src_path": str(source)}
    recorded.pop("_commit", None)  # the checkout is a directory without history
    (directory / answers_file).write_text(yaml.safe_dump(recorded, sort_keys=False), "utf-8")
    return copier.run_recopy(directory, skip_answered=True, **options)


def read_files(directory: Path) -> dict[str, File]:
    """Read all files below a directory, with their file modes."""
    return {
        path.relative_to(directory).as_posix(): File(
            path.read_bytes(), EXECUTABLE if path.stat().st_mode & 0o100 else FILE
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def reason(error: Exception) -> str:
    """Return the reason for an error of Git or Copier, which is the last line of its message."""
    text = str(getattr(error, "stderr", None) or error).strip()
    return text.splitlines()[-1].strip(" |") if text else type(error).__name__


# ── Cache ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def key(commit: str, answers: Answers, answers_file: str) -> str:
    """Return the cache key of a rendering, a hash of the commit, the answers and the tool versions."""
    recorded = yaml.safe_load(answers.recorded) if answers.recorded else {}
    answered = {name: answer for name, answer in recorded.items() if not name.startswith("_")}
    tools = [version(name) for name in ("slipway", "copier", "copier-template-extensions", "ruff")]
    parts = repr((commit, answers_file, json.dumps(answered, default=str), tools))
    return blake2b(parts.encode(), digest_size=16).hexdigest()


def load(path: Path) -> Rendering | None:
    """Load a rendering from the cache; return None if it is missing or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        os.utime(path)
        about = json.loads(entries.pop(ABOUT))
        files = {name: File(content, about["modes"].get(name, FILE)) for name, content in entries.items()}
        return Rendering(files, yaml.safe_load(about["record"]), frozenset(about["seeds"]), about["header"])
    except (OSError, zipfile.BadZipFile, LookupError, ValueError):
        return None


def save(path: Path, rendering: Rendering) -> None:
    """Store a rendering in the cache, and delete expired ones; ignore errors of the file system."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        modes = {name: file.mode for name, file in rendering.files.items() if file.mode != FILE}
        record = yaml.safe_dump(dict(rendering.record), sort_keys=False)
        about = json.dumps(
            {"record": record, "seeds": sorted(rendering.seeds), "modes": modes, "header": rendering.header}
        )
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(ABOUT, about)
                for name, rendered_file in rendering.files.items():
                    archive.writestr(name, rendered_file.content)
            Path(file.name).replace(path)
        for other in path.parent.glob("*"):
            if other.stat().st_mtime < time.time() - EXPIRY:
                other.unlink(missing_ok=True)
