"""Texts that match a regular expression, in a fixed order: what a resource's tests and examples are filled with."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

opcodes: Any = import_module("re._constants")  # where Python keeps what it makes of an expression
parser: Any = import_module("re._parser")

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/@+#%&*,; äéßñøλжש中日"
CHOICES = 12  # of one place
TRIED = 300  # texts of one stretch, before it is given up
STRETCHES = (0, 1, 2, 3, 5, 8, 13, 21, 40, 100, 200, 500)  # repetitions beyond the least, to reach a length
LONGEST = 600  # places of a text
CATEGORIES = {
    opcodes.CATEGORY_DIGIT: r"\d",
    opcodes.CATEGORY_NOT_DIGIT: r"\D",
    opcodes.CATEGORY_SPACE: r"\s",
    opcodes.CATEGORY_NOT_SPACE: r"\S",
    opcodes.CATEGORY_WORD: r"\w",
    opcodes.CATEGORY_NOT_WORD: r"\W",
}
Node = tuple[Any, Any]


def holds(part: Node, character: str) -> bool:
    """Say whether a part of a character class holds a character."""
    kind, value = part
    if kind is opcodes.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    if kind is opcodes.CATEGORY:
        return re.match(CATEGORIES[value], character) is not None
    return kind is opcodes.LITERAL and value == ord(character)


def members(parts: list[Node]) -> list[str]:
    """List some characters of a class."""
    negated = parts[0][0] is opcodes.NEGATE
    own = [chr(value) for kind, value in parts if kind is opcodes.LITERAL and not negated]
    first = [chr(value[0]) for kind, value in parts if kind is opcodes.RANGE and not negated]
    known = [each for each in CHARACTERS if any(holds(part, each) for part in parts) is not negated]
    return list(dict.fromkeys([*known, *own, *first]))[:CHOICES]


def repeated(value: tuple[int, int, Iterable[Node]], stretch: int) -> list[list[str]]:
    least, most, parts = value
    found = places(parts, stretch)
    return (found * min(max(least, 1) + stretch, most, LONGEST))[:LONGEST]


def places(parts: Iterable[Node], stretch: int) -> list[list[str]]:
    """List what may stand at each place of a text that matches the parts of an expression."""
    found: list[list[str]] = []
    for kind, value in parts:
        if kind is opcodes.LITERAL:
            found.append([chr(value)])
        elif kind is opcodes.NOT_LITERAL:
            found.append(members([(opcodes.NEGATE, None), (opcodes.LITERAL, value)]))
        elif kind is opcodes.ANY:
            found.append(list(CHARACTERS[:CHOICES]))
        elif kind is opcodes.IN:
            found.append(members(value))
        elif kind is opcodes.SUBPATTERN:
            found.append(texts(value[3], stretch))
        elif kind is opcodes.BRANCH:
            found.append(list(chain.from_iterable(texts(branch, stretch) for branch in value[1]))[:CHOICES])
        elif kind in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT):
            found += repeated(value, stretch)
    return found


def texts(parts: Iterable[Node], stretch: int) -> list[str]:
    joined = ("".join(each) for each in islice(product(*places(parts, stretch)), CHOICES))
    return [text for text in joined if len(text) <= LONGEST]


def candidates(pattern: str) -> Iterator[str]:
    parsed = parser.parse(pattern)
    for stretch in STRETCHES:
        yield from islice(("".join(each) for each in product(*places(parsed, stretch))), TRIED)


@cache
def matching(pattern: str, least: int, most: int, number: int) -> tuple[str, ...]:
    """Find up to `number` texts of `least` to `most` characters that match, as the service will match them."""
    adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern, min_length=least, max_length=most)])
    found: dict[str, None] = {}
    for each in candidates(pattern):
        if len(each) <= most and each == each.strip() and each.isprintable() and is_valid(adapter, each):
            found[each] = None
        if len(found) == number:
            break
    return tuple(found)


def matches(pattern: str, text: str) -> bool:
    """Say whether a text matches, in linear time: the expression may be one on which Python's own would take years."""
    return is_valid(TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]), text)


def is_valid(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True
