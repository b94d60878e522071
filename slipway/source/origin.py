"""Where a template is found again: the `_src_path` that a new service records.

Equal to `extensions/slipway_template/source.py`, which records it where Copier is called without this command.
"""

from __future__ import annotations

import re
from pathlib import Path

from slipway.git import query

REMOTE = re.compile(r"(?:https?|ssh|git)://|[^/]+@[^/:]+:")  # what other machines reach; the latter: git@host:path
CREDENTIALS = re.compile(r"(https?://)[^/]*@")
# What Copier takes for a repository; it wants `git+` before any other URL.
REPOSITORY = re.compile(r"git@.*|git://.*|https://git(?:hub|lab)\.com/.*|.*\.git|git\+.*|g[hl]:.*")


def local_path(source: str) -> Path | None:
    """Return the directory that a source names; None for a URL."""
    path = Path(source.removeprefix("git+").removeprefix("file://")).expanduser()
    return path if path.is_dir() else None


def readable_source(source: str) -> str:
    """Return a source that leads to the template from any directory."""
    path = local_path(source)
    return str(path.resolve()) if path else source


def recorded_source(source: str, commit: str, *, is_installed: bool = False) -> str:
    """Return what an answers file records: an absolute path, or a URL without credentials.

    For a clone that is named by a relative path, or from which this command was installed, it is the URL of its
    `origin`, if that has the commit: colleagues can read it, too.
    """
    path = local_path(source)
    if path is None:
        return copier_url(source)
    is_relative = not (path.is_absolute() or source.startswith("~"))
    url = published(path, commit) if is_relative or is_installed else ""
    return url or str(path.resolve() if is_relative else path)


def published(clone: Path, commit: str) -> str:
    """Return the URL of a clone's origin; empty if others cannot reach it, or it lacks the commit."""
    url = text(clone, "config", "--get", "remote.origin.url").rstrip("/")  # `get-url` would apply insteadOf
    branches = text(clone, "for-each-ref", f"--contains={commit}", "refs/remotes/origin")
    return copier_url(url) if REMOTE.match(url) and branches else ""


def copier_url(url: str) -> str:
    """Return a URL as Copier reads it, without credentials."""
    url = CREDENTIALS.sub(r"\1", url)
    return url if REPOSITORY.fullmatch(url) else f"git+{url}"


def text(directory: Path, *arguments: str) -> str:
    return (query(directory, *arguments) or b"").decode(errors="replace").strip()
