"""Compute `_src_path`, the template's URL or absolute path, which a new service records for updates.

It must agree with `extensions/slipway_template/source.py`, which records it if plain Copier creates the service.
"""

from __future__ import annotations

import re
from pathlib import Path

from slipway.git import query

REMOTE = re.compile(r"(?:https?|ssh|git)://|[^/]+@[^/:]+:")  # of other machines; the last is SCP-like
CREDENTIALS = re.compile(r"(https?://)[^/]*@")
# URLs that Copier recognises as Git repositories; all others need the prefix `git+`.
REPOSITORY = re.compile(r"git@.*|git://.*|https://git(?:hub|lab)\.com/.*|.*\.git|git\+.*|g[hl]:.*")


def local_path(source: str) -> Path | None:
    """Return the directory of a template that is on this machine; None if its source is a URL."""
    path = Path(source.removeprefix("git+").removeprefix("file://")).expanduser()
    return path if path.is_dir() else None


def readable_source(source: str) -> str:
    """Return a template's source in a form that is valid in every current directory."""
    path = local_path(source)
    return str(path.resolve()) if path else source


def recorded_source(source: str, commit: str, *, is_installed: bool = False) -> str:
    """Return the template's source to record in a service: an absolute path, or a URL without credentials.

    A clone at a relative path, or from which this command was installed, is replaced by the URL of its `origin`, if
    that contains the commit: it works on other machines, too.
    """
    path = local_path(source)
    if path is None:
        return copier_url(source)
    is_relative = not (path.is_absolute() or source.startswith("~"))
    url = published(path, commit) if is_relative or is_installed else ""
    return url or str(path.resolve() if is_relative else path)


def published(clone: Path, commit: str) -> str:
    """Return the URL of a clone's remote `origin`; empty unless the remote has the commit.

    The result is also empty for a remote on the same machine.
    """
    url = text(clone, "config", "--get", "remote.origin.url").rstrip("/")  # `get-url` would apply insteadOf
    branches = text(clone, "for-each-ref", f"--contains={commit}", "refs/remotes/origin")
    return copier_url(url) if REMOTE.match(url) and branches else ""


def copier_url(url: str) -> str:
    """Return a URL without credentials, and with the prefix `git+` if Copier needs it."""
    url = CREDENTIALS.sub(r"\1", url)
    return url if REPOSITORY.fullmatch(url) else f"git+{url}"


def text(directory: Path, *arguments: str) -> str:
    """Run Git, and return its output as text; empty if it fails."""
    return (query(directory, *arguments) or b"").decode(errors="replace").strip()
