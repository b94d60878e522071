"""Where a service finds its template again: the `_src_path` that its answers file records."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REMOTE = re.compile(r"(?:https?|ssh|git)://|[^/]+@[^/:]+:")  # what other machines reach; the latter: git@host:path
CREDENTIALS = re.compile(r"(https?://)[^/]*@")
# What Copier takes for a repository; it wants `git+` before any other URL.
REPOSITORY = re.compile(r"git@.*|git://.*|https://git(?:hub|lab)\.com/.*|.*\.git")


def recorded_source(source: str, commit: str) -> str:
    """Return what an update can find from any directory: a URL as it is, and for a relative path an absolute one.

    Where that is a Git clone whose `origin` has the commit, the URL of the origin: colleagues reach it, too.
    """
    path = Path(source).expanduser()
    if path.is_absolute() or not path.exists():
        return source if path == Path(source) else str(path)
    return published(path, commit) or str(path.resolve())


def published(clone: Path, commit: str) -> str:
    """Return the URL of a clone's origin; nothing where others cannot reach it, or where it lacks the commit."""
    url = git(clone, "config", "--get", "remote.origin.url").rstrip("/")  # `get-url` would apply insteadOf
    branches = git(clone, "for-each-ref", f"--contains={commit}", "refs/remotes/origin") if commit else ""
    if not REMOTE.match(url) or not branches:
        return ""
    url = CREDENTIALS.sub(r"\1", url)
    return url if REPOSITORY.fullmatch(url) else f"git+{url}"


def git(directory: Path, *arguments: str) -> str:
    """Return what Git prints; nothing where it fails or is not installed."""
    command = ["git", "-c", "safe.directory=*", "-C", str(directory), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
