"""Define the error of an invalid declaration of resources, and check its keys and scalar values."""

from __future__ import annotations

import json
import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 60  # characters of a value in an error message


class DomainError(ValueError):
    """Raised for an invalid declaration of resources.

    The message says where the declaration is wrong, what is wrong, and how to fix it.
    """


def reject(place: str, problem: str) -> NoReturn:
    """Raise `DomainError` for a place in the declaration such as `product.price`.

    An empty place stands for the whole declaration.
    """
    raise DomainError(f"{place}: {problem}" if place else problem)


def shown(value: object) -> str:
    """Return a value for an error message, with a scalar shortened and a collection replaced by its type."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def suggestion(word: object, known: Iterable[str]) -> str:
    """Suggest the known word most similar to a misspelt one, or list all known words."""
    known = list(known)
    text = word if isinstance(word, str) else shown(word)  # never str() of a list: anchors expand it to gigabytes
    matches = get_close_matches(text[:100], known, n=1)
    return f"Did you mean {matches[0]}?" if matches else f"There are: {', '.join(known)}."


def check_key(place: str, key: object, known: Iterable[str]) -> None:
    """Reject a key that a mapping in the declaration does not support."""
    if not isinstance(key, str):
        reject(place, f"{shown(key)} is not a text; YAML reads on, off, yes and no as booleans: put the key in quotes.")
    if key not in known:
        reject(place, f"unknown key {shown(key)}. {suggestion(key, known)}")


def line(place: str, value: object, longest: int) -> str:
    """Return a value in the normalization form NFC if it is a single printable line; reject any other."""
    if not isinstance(value, str):
        reject(place, f"{shown(value)} is not text: put it in quotes.")
    value = unicodedata.normalize("NFC", value)  # as requests are
    if not value or value != value.strip():
        reject(place, "it is empty, or starts or ends with a space.")
    for character in value:
        if character in "\u2028\u2029" or unicodedata.category(character)[0] == "C":
            reject(place, f"it contains U+{ord(character):04X}, a line break or invisible character: remove it.")
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in value)
    width = len(json.dumps(value, ensure_ascii=False)) - 2 + wide  # of a Python literal; wide characters count twice
    if width > longest:
        reject(place, f"it is {width} characters wide: shorten it to {longest} or less.")
    return value


def choice(place: str, value: object, known: Iterable[str]) -> str:
    """Return a value if it is one of the allowed words; reject any other."""
    if not isinstance(value, str) or value not in known:
        reject(place, f"unknown value {shown(value)}. {suggestion(value, known)}")
    return value
