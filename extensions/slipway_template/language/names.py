"""Derive articles, class names and enumeration members from the names that a user declares."""

from __future__ import annotations

import re
import unicodedata

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
