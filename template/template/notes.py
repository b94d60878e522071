"""What a template's CHANGELOG.md says of the versions that an update crosses."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from .releases import version
from .repository import asked, git

CHANGELOG = "CHANGELOG.md"
SECTION = re.compile(r"^## \[?(?P<version>v?\d[^\s\]]*)", re.MULTILINE)


def changelog(url: str, last: str) -> str:
    """Read the changelog of a version; nothing when the template has none."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        git(Path(), "clone", "--quiet", "--bare", "--", url, directory)
        return (asked(Path(directory), "show", f"{last}:{CHANGELOG}") or b"").decode()


def between(text: str, recorded: str, last: str) -> str:
    """Take the sections of the versions after the first, up to the last."""
    low, high = version(recorded), version(last)
    starts = [*SECTION.finditer(text)]
    ends = [*(found.start() for found in re.finditer(r"^## ", text, re.MULTILINE)), len(text)]
    sections = {
        start["version"]: text[start.start() : next(end for end in ends if end > start.start())]
        for start in starts
    }
    crossed = [
        section.strip()
        for name, section in sections.items()
        if low and high and (found := version(name)) and low < found <= high
    ]
    return "\n\n".join(crossed)
