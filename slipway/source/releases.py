"""Sort the release names of a template by version, as PEP 440 orders them."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

DESCRIBED = re.compile(r"^(?P<release>.+)-(?P<number>\d+)-g[0-9a-f]+$")  # `git describe`
COMMIT = re.compile(r"[0-9a-f]{7,40}")  # one of digits only would parse as a version, too


def parse_version(name: str) -> Version | None:
    """Parse a version, a tag, or the output of `git describe`; return None for anything else."""
    described = DESCRIBED.match(name)
    try:
        return Version(f"{described['release']}.post{described['number']}" if described else name)
    except InvalidVersion:
        return None


def sorted_releases(names: list[str]) -> list[str]:
    """Return the names of all versions except pre-releases, oldest first.

    A fork tags its releases `vX.Y.Z.postN` and carries upstream's tags along: if a post-release exists, upstream's
    tags are ignored.
    """
    versions = {name: version for name in names if (version := parse_version(name)) and not version.is_prerelease}
    own = {name: version for name, version in versions.items() if version.is_postrelease} or versions
    return sorted(own, key=lambda name: own[name])
