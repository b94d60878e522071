"""Derive articles, class names and enumeration members from the names that a user declares."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_MEMBER = 40  # characters


def camel(name: str) -> str:
    """Return a snake_case name as a class name, such as `OrderItem` for `order_item`."""
    return "".join(word.capitalize() for word in name.split("_"))


def spaced(name: str) -> str:
    """Return a snake_case name as separate words, such as `order item` for `order_item`."""
    return name.replace("_", " ")


def article(words: str) -> str:
    """Return words with the indefinite article that fits their pronunciation, such as `an hour` or `a unit`."""
    vowel = re.match(r"[aeio]|u(?!ni|s|t[ei])|ho(?:ur|nest|nou?r)|heir", words) and not re.match(r"eu|one|once", words)
    return f"an {words}" if vowel else f"a {words}"


SIGNS = {
    "!": "exclamation mark",
    "#": "hash",
    "$": "dollar",
    "%": "percent",
    "&": "and",
    "*": "asterisk",
    "+": "plus",
    ",": "comma",
    "-": "minus",
    ".": "dot",
    "/": "slash",
    "<": "less than",
    "=": "equals",
    ">": "greater than",
    "?": "question mark",
    "@": "at",
}


def members(values: Sequence[str]) -> list[str]:
    """Return the member name of each value of an enumeration, such as `A_PLUS` and `A_MINUS` for `A+` and `A-`.

    Signs and case count only where names would otherwise be empty or equal, so that the names of other values never
    change. Names that are still equal stay so.
    """
    names = list(map(member, values))
    for explicit in (spelled, cased):
        names = [
            explicit(value, name) if not name or names.count(name) > 1 else name
            for name, value in zip(names, values, strict=True)
        ]
    return names


def spelled(value: str, _: str) -> str:
    """Return a value's member name with names of its signs and of characters beyond ASCII, such as `ROCKET`."""
    value = re.sub("(?<=[A-Za-z])-(?=[A-Za-z])", " hyphen ", value)
    words = [
        each if re.fullmatch("[0-9A-Za-z _]", each) else f" {SIGNS.get(each) or unicodedata.name(each, '')} "
        for each in value
    ]
    return member("".join(words))


def cased(value: str, name: str) -> str:
    """Return a member name with the case of its value, such as `A_UPPER` for `A`."""
    return f"{name}_{'UPPER' if value.isupper() else 'LOWER' if value.islower() else 'MIXED'}" if name else ""


def member(value: str) -> str:
    """Return the member name of an enumeration's value, such as `IN_PROGRESS` for `in-progress`."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", plain).strip("_").upper()
    if not name:
        unicode_names = "_".join(unicodedata.name(character, "") for character in value if character.isalnum())
        name = re.sub(r"\W+", "_", unicode_names)
    if len(name) > LONGEST_MEMBER:
        name = name[:LONGEST_MEMBER].rpartition("_")[0] or name[:LONGEST_MEMBER]
    return f"VALUE_{name}" if name[:1].isdigit() or name in {"I", "O", "MRO", "NAME", "VALUE"} else name
