"""Errors of a domain, and the checks of scalars that raise them."""

from __future__ import annotations

import json
import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 60  # characters of a value in a message


class DomainError(ValueError):
    """The domain cannot be built as it is described; the message says where, why, and what to do."""


def refuse(place: str, problem: str) -> NoReturn:
    raise DomainError(f"{place}: {problem}" if place else problem)


def shown(value: object) -> str:
    """Show a scalar; name anything else, which may be as large as somebody likes."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def near(word: object, known: Iterable[str]) -> str:
    """Say what may have been meant, or what there is."""
    known = list(known)
    written = word if isinstance(word, str) else shown(word)  # never str() of a list: anchors expand it to gigabytes
    found = get_close_matches(written[:100], known, n=1)
    return f"Did you mean {found[0]}?" if found else f"There are: {', '.join(known)}."


def known_key(place: str, key: object, known: Iterable[str]) -> None:
    if not isinstance(key, str):
        refuse(place, f"{shown(key)} is no key; YAML reads on, off, yes and no as true and false, so put it in quotes.")
    if key not in known:
        refuse(place, f"there is no {shown(key)}. {near(key, known)}")


def line(place: str, value: object, longest: int) -> str:
    """Take one printable line."""
    if not isinstance(value, str):
        refuse(place, f"{shown(value)} is not text; put it in quotes.")
    if not value or value != value.strip():
        refuse(place, "it is empty, or begins or ends with a space.")
    if any(character in "\u2028\u2029" or unicodedata.category(character)[0] == "C" for character in value):
        refuse(place, "it holds a line break or another control character; leave it out.")
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in value)
    width = len(json.dumps(value, ensure_ascii=False)) - 2 + wide  # as a string of Python
    if width > longest:
        refuse(place, f"it is {width} characters wide; {longest} is the most.")
    return value


def choice(place: str, value: object, known: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in known:
        refuse(place, f"there is no {shown(value)}. {near(value, known)}")
    return value
