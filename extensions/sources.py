"""The `_src_path` that a service records, by which `copier update` finds its template from any directory."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from jinja2.ext import Extension

REMOTE = re.compile(r"(?:https?|ssh|git)://|[^/]+@[^/:]+:")  # the latter: user@host:path
CREDENTIALS = re.compile(r"(https?://)[^/]*@")
COPIER_KNOWS = re.compile(r"(?:git@|git://|https://git(?:hub|lab)\.com/).*|.*\.git")  # other URLs want `git+`


def lasting_source(source: str, commit: str | None) -> str:
    """Return the source to record: an absolute path or a URL for a local one, any other unchanged.

    A clone is recorded as the URL of its `origin`, which other machines have too, if `origin` is remote and has
    `commit`. If not, an update could not find `commit` there, and the clone's own path is recorded.
    """
    path = Path(source).expanduser()
    if not path.exists():
        return source
    clone = path.resolve()
    return (commit and origin_with(commit, clone)) or clone.as_posix()


def origin_with(commit: str, clone: Path) -> str:
    """Return the URL of `origin` if it is remote and its remote-tracking branches contain `commit`, else ''."""
    url = git(clone, "config", "--get", "remote.origin.url").rstrip("/")  # not `get-url`, which applies insteadOf
    contain = ("for-each-ref", "--count=1", f"--contains={commit}", "refs/remotes/origin")
    if not REMOTE.match(url) or not git(clone, *contain):
        return ""
    url = CREDENTIALS.sub(r"\1", url)
    return url if COPIER_KNOWS.fullmatch(url) else f"git+{url}"


def git(directory: Path, *arguments: str) -> str:
    """Return what Git prints; '' if it fails or is not installed."""
    try:
        run = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


class Sources(Extension):
    """Lets Copier load this module, which its neighbours import."""
