"""Marks that an owner leaves in files: at the head, in the middle, and at the end."""

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
# How a comment is written in files of a kind; elsewhere, as in a shell.
COMMENTS: Mapping[str, str] = {".html": "<!-- {} -->", ".md": "<!-- {} -->", ".svg": "<!-- {} -->", ".mako": "## {}"}
PREAMBLE = re.compile(r"#!.*\n|---\n.*?\n---\n", re.DOTALL)  # what must come first
VALUE = re.compile(r'(?<=: ")[^"\n]+(?="[,\n])')  # a text in JSON, in which there are no comments


def mark(service: Path, path: str, spot: Spot) -> str:
    """Mark a file; tell the line, or the part of a line, that was written."""
    file = service / path
    text = file.read_text(encoding="utf-8")
    written, marked = in_value(text, spot) if path.endswith(".json") else in_comment(path, text, spot)
    file.write_text(marked, encoding="utf-8")
    return written


def in_comment(path: str, text: str, spot: Spot) -> tuple[str, str]:
    written = COMMENTS.get(PurePosixPath(path).suffix, "# {}").format(MARK)
    lines = text.splitlines(keepends=True)
    first = PREAMBLE.match(text)
    head = len(first[0].splitlines()) if first else 0
    at = {"head": head, "middle": max(head, len(lines) // 2), "end": len(lines)}[spot]
    return written, "".join([*lines[:at], written + "\n", *lines[at:]])


def in_value(text: str, spot: Spot) -> tuple[str, str]:
    values = list(VALUE.finditer(text))
    chosen = {"head": values[0], "middle": values[len(values) // 2], "end": values[-1]}[spot]
    return MARK, text[: chosen.start()] + MARK + text[chosen.end() :]
