"""Generate texts that match a regular expression, always in the same order, for tests and examples."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

opcodes: Any = import_module("re._constants")  # the parser of `re` is private: no public API returns the syntax tree
parser: Any = import_module("re._parser")

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/@+#%&*,; äéßñøλжש中日"
CHOICES = 12  # of characters at one position
ATTEMPTS = 300  # texts per number of repetitions, before the next one
REPETITIONS = (0, 1, 2, 3, 5, 8, 13, 21, 40, 100, 200, 500)  # repetitions beyond the minimum, to reach `min_length`
LONGEST = 600  # positions of a text
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
    """Return whether one item of a character class, such as a range, matches a character."""
    kind, value = part
    if kind is opcodes.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    if kind is opcodes.CATEGORY:
        return re.match(CATEGORIES[value], character) is not None
    return kind is opcodes.LITERAL and value == ord(character)


def members(parts: list[Node]) -> list[str]:
    """Return some of the characters that a character class matches."""
    negated = parts[0][0] is opcodes.NEGATE
    own = [chr(value) for kind, value in parts if kind is opcodes.LITERAL and not negated]
    first = [chr(value[0]) for kind, value in parts if kind is opcodes.RANGE and not negated]
    known = [each for each in CHARACTERS if any(holds(part, each) for part in parts) is not negated]
    return list(dict.fromkeys([*known, *own, *first]))[:CHOICES]


def repeated(value: tuple[int, int, Iterable[Node]], extra: int) -> list[list[str]]:
    """Return the possible characters at each position of a repeated part of a regular expression."""
    least, most, parts = value
    choices = positions(parts, extra)
    return (choices * min(max(least, 1) + extra, most, LONGEST))[:LONGEST]


def positions(parts: Iterable[Node], extra: int) -> list[list[str]]:
    """Return the possible characters at each position of a text that matches a regular expression."""
    choices: list[list[str]] = []
    for kind, value in parts:
        if kind is opcodes.LITERAL:
            choices.append([chr(value)])
        elif kind is opcodes.NOT_LITERAL:
            choices.append(members([(opcodes.NEGATE, None), (opcodes.LITERAL, value)]))
        elif kind is opcodes.ANY:
            choices.append(list(CHARACTERS[:CHOICES]))
        elif kind is opcodes.IN:
            choices.append(members(value))
        elif kind is opcodes.SUBPATTERN:
            choices.append(texts(value[3], extra))
        elif kind is opcodes.BRANCH:
            choices.append(list(chain.from_iterable(texts(branch, extra) for branch in value[1]))[:CHOICES])
        elif kind in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT):
            choices += repeated(value, extra)
    return choices


def texts(parts: Iterable[Node], extra: int) -> list[str]:
    """Return some texts that match the parsed parts of a regular expression."""
    joined = ("".join(each) for each in islice(product(*positions(parts, extra)), CHOICES))
    return [text for text in joined if len(text) <= LONGEST]


def candidates(pattern: str) -> Iterator[str]:
    """Yield texts of growing length that match a regular expression apart from anchors and look-arounds."""
    parsed = parser.parse(pattern)
    for extra in REPETITIONS:
        yield from islice(("".join(each) for each in product(*positions(parsed, extra))), ATTEMPTS)


@cache
def matching(pattern: str, least: int, most: int, number: int) -> tuple[str, ...]:
    """Return up to `number` matching texts, each with `least` to `most` characters.

    Pydantic's regular expression engine decides what matches.
    """
    adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern, min_length=least, max_length=most)])
    examples: dict[str, None] = {}
    for each in candidates(pattern):
        if len(each) <= most and each == each.strip() and each.isprintable() and is_valid(adapter, each):
            examples[each] = None
        if len(examples) == number:
            break
    return tuple(examples)


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches according to Pydantic's regular expression engine.

    The engine needs linear time; `re` could take exponential time (ReDoS).
    """
    return is_valid(TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]), text)


def is_valid(adapter: TypeAdapter[str], text: str) -> bool:
    """Return whether Pydantic accepts a text for a field with a regular expression."""
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True
