"""Names and words derived from the names of a domain: plurals, articles, classes, members of enumerations."""

from __future__ import annotations

import re
import unicodedata

LONGEST_MEMBER = 40  # characters

IRREGULAR = {
    "child": "children",
    "person": "people",
    "man": "men",
    "woman": "women",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "quiz": "quizzes",
    "ox": "oxen",
    "criterion": "criteria",
    "leaf": "leaves",
    "life": "lives",
    "wife": "wives",
    "knife": "knives",
    "shelf": "shelves",
    "half": "halves",
    "thief": "thieves",
    "loaf": "loaves",
    "wolf": "wolves",
    "calf": "calves",
    "self": "selves",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
    "echo": "echoes",
    "veto": "vetoes",
    "index": "indexes",
    "phenomenon": "phenomena",
}
UNCOUNTED = frozenset(
    ["equipment", "feedback", "information", "money", "news", "rice", "series", "sheep", "software", "species"]
)


def plural_of(name: str) -> str:
    """Form the plural of the last word of a name, by the rules of English."""
    *words, last = name.split("_")
    if last in UNCOUNTED:
        found = last
    elif last in IRREGULAR:
        found = IRREGULAR[last]
    elif re.search(r"[^aeiou]y$", last):
        found = f"{last[:-1]}ies"
    elif last.endswith("sis"):
        found = f"{last[:-2]}es"
    elif re.search(r"(s|x|z|ch|sh)$", last):
        found = f"{last}es"
    else:
        found = f"{last}s"
    return "_".join([*words, found])


def camel(name: str) -> str:
    """Name a class: `order_item` becomes `OrderItem`."""
    return "".join(word.capitalize() for word in name.split("_"))


def spaced(name: str) -> str:
    return name.replace("_", " ")


def article(words: str) -> str:
    """Put a or an before words, as one says it."""
    vowel = re.match(r"[aeio]|u(?!ni|s|t[ei])|ho(?:ur|nest|nou?r)|heir", words) and not re.match(r"eu|one|once", words)
    return f"an {words}" if vowel else f"a {words}"


def member(value: str) -> str:
    """Name the member of an enumeration: `in-progress` becomes `IN_PROGRESS`; other scripts go by Unicode's names."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", plain).strip("_").upper()
    if not name:
        spoken = "_".join(unicodedata.name(character, "") for character in value if character.isalnum())
        name = re.sub(r"\W+", "_", spoken)
    if len(name) > LONGEST_MEMBER:
        name = name[:LONGEST_MEMBER].rpartition("_")[0] or name[:LONGEST_MEMBER]
    return f"VALUE_{name}" if name[:1].isdigit() or name in {"I", "O", "MRO", "NAME", "VALUE"} else name
