"""Insert a marker comment at the head, in the middle or at the end of a file."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Spot = Literal["head", "middle", "end"]

SPOTS: tuple[Spot, ...] = ("head", "middle", "end")
MARK = "The owner was here."
# Comment syntax by suffix; `# …` elsewhere.
COMMENTS: Mapping[str, str] = {".html": "<!-- {} -->", ".md": "<!-- {} -->", ".svg": "<!-- {} -->", ".mako": "## {}"}
PREAMBLE = re.compile(r"#!.*\n|---\n.*?\n---\n", re.DOTALL)  # a shebang or front matter must come first
VALUE = re.compile(r'(?<=: ")[^"\n]+(?="[,\n])')  # a JSON string: JSON has no comments


def mark(service: Path, path: str, spot: Spot) -> str:
    """Insert a marker comment into a file, and return the inserted text."""
    file = service / path
    text = file.read_text(encoding="utf-8")
    inserted, marked = in_value(text, spot) if path.endswith(".json") else in_comment(path, text, spot)
    file.write_text(marked, encoding="utf-8")
    return inserted


def in_comment(path: str, text: str, spot: Spot) -> tuple[str, str]:
    comment = COMMENTS.get(PurePosixPath(path).suffix, "# {}").format(MARK)
    lines = text.splitlines(keepends=True)
    first = PREAMBLE.match(text)
    head = len(first[0].splitlines()) if first else 0
    at = {"head": head, "middle": max(head, len(lines) // 2), "end": len(lines)}[spot]
    return comment, "".join([*lines[:at], comment + "\n", *lines[at:]])


def in_value(text: str, spot: Spot) -> tuple[str, str]:
    values = list(VALUE.finditer(text))
    value = {"head": values[0], "middle": values[len(values) // 2], "end": values[-1]}[spot]
    return MARK, text[: value.start()] + MARK + text[value.end() :]
