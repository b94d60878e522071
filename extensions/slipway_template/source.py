"""Compute `_src_path`, the template's URL or absolute path, which the answers file records for updates."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REMOTE = re.compile(r"(?:https?|ssh|git)://|[^/]+@[^/:]+:")  # of other machines; the last is SCP-like
CREDENTIALS = re.compile(r"(https?://)[^/]*@")
# URLs that Copier recognises as Git repositories; all others need the prefix `git+`.
REPOSITORY = re.compile(r"git@.*|git://.*|https://git(?:hub|lab)\.com/.*|.*\.git")


def recorded_source(source: str, commit: str) -> str:
    """Return the template's source as a URL or an absolute path, which is valid in every directory.

    A relative path to a clone whose `origin` contains the commit becomes the URL of `origin`, which works on other
    machines, too.
    """
    path = Path(source).expanduser()
    if path.is_absolute() or not path.exists():
        return source if path == Path(source) else str(path)
    return published(path, commit) or str(path.resolve())


def published(clone: Path, commit: str) -> str:
    """Return the URL of a clone's remote `origin`; empty unless the remote has the commit.

    The result is also empty for a remote on the same machine.
    """
    url = git(clone, "config", "--get", "remote.origin.url").rstrip("/")  # `get-url` would apply insteadOf
    branches = git(clone, "for-each-ref", f"--contains={commit}", "refs/remotes/origin") if commit else ""
    if not REMOTE.match(url) or not branches:
        return ""
    url = CREDENTIALS.sub(r"\1", url)
    return url if REPOSITORY.fullmatch(url) else f"git+{url}"


def git(directory: Path, *arguments: str) -> str:
    """Run Git, and return its output; empty if Git fails or is not installed."""
    command = ["git", "-c", "safe.directory=*", "-C", str(directory), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
