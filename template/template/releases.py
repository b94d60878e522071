"""The versions of a template, in order."""

import re
from pathlib import Path

from packaging.version import InvalidVersion, Version

from .errors import CommandError
from .repository import git

DESCRIBED = re.compile(r"^(?P<release>.+)-(?P<number>\d+)-g[0-9a-f]+$")  # as `git describe` says
ABBREVIATED = 12  # digits of a commit
COMMIT = re.compile(r"[0-9a-f]{7,40}")  # one of decimal digits alone would be a version, too


def version(name: str) -> Version | None:
    """Read a version; one of a commit between two releases is after the first of them."""
    found = DESCRIBED.match(name)
    try:
        return Version(f"{found['release']}.post{found['number']}" if found else name)
    except InvalidVersion:
        return None


def releases(url: str) -> list[str]:
    """List the tags of a template that are versions, the oldest first, without prereleases."""
    lines = git(Path(), "ls-remote", "--tags", "--refs", "--", url).splitlines()
    tags = {name: version(name) for name in (line.split("refs/tags/")[1] for line in lines)}
    known = {name: found for name, found in tags.items() if found and not found.is_prerelease}
    return sorted(known, key=lambda name: known[name])


def newest(url: str, tags: list[str], recorded: str) -> str:
    """Name the newest release of a template; its HEAD if nothing is released, as Copier does."""
    if tags:
        return tags[-1]
    head = git(Path(), "ls-remote", "--", url, "HEAD").partition("\t")[0]
    if not head:
        raise CommandError(f"The template {url} has no commit.")
    return recorded if head.startswith(recorded) else head[:ABBREVIATED]


def after(tags: list[str], recorded: str, last: str) -> list[str]:
    """List the releases that come after one that is recorded, up to another."""
    names = (recorded, last)
    low, high = (
        version(name) if name in tags or not COMMIT.fullmatch(name) else None for name in names
    )
    if low is None or high is None:
        return [last] if recorded != last else []
    return [tag for tag in tags if (found := version(tag)) and low < found <= high]
