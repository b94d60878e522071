"""Quote strings for TOML and Python, and wrap lines of Markdown."""

from __future__ import annotations

import json
import re
import textwrap

WIDTH = 120  # columns of a line of Markdown
CODE = re.compile(r"`[^`]*`")


def toml(value: object) -> str:
    """Return `value` as a TOML literal by encoding it as JSON.

    Strings of JSON are valid in TOML.
    """
    return json.dumps(value, ensure_ascii=False)


def quoted(value: str) -> str:
    """Return `value` as a Python string literal with the quotes that `ruff format` prefers."""
    text = json.dumps(value, ensure_ascii=False)
    if value.count('"') <= value.count("'"):
        return text
    body = text[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{body}'"


def wrapped(text: str) -> str:
    """Wrap an entry of a Markdown list at `WIDTH` characters, but never inside a code span."""
    whole = CODE.sub(lambda code: code[0].replace(" ", "\0"), text)
    lines = textwrap.fill(whole, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")
