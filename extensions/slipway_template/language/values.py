"""Convert YAML values in a declaration to the types of fields and options, or reject them with their location."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from .domain import BITS
from .errors import line, reject, shown
from .names import LONGEST_MEMBER, member, members

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = 100  # of an enumeration, at most
LONGEST = {"value": 50, "description": 80, "str": 500, "text": 1_000_000}  # characters


def boolean(place: str, value: object) -> bool:
    """Return a value if it is a boolean; reject any other."""
    if not isinstance(value, bool):
        reject(place, f"{shown(value)} is neither true nor false.")
    return value


def count(place: str, value: object, least: int, most: int) -> int:
    """Return a value if it is an integer within a range; reject any other."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        reject(place, f"{shown(value)} is not a whole number from {least} to {most}.")
    return value


def whole(place: str, kind: str, value: object) -> int:
    """Convert a YAML value to an integer, for the types `int` and `bigint`."""
    limit = 1 << BITS[kind]
    return count(place, value, -limit, limit - 1)


def real(place: str, _: str, value: object) -> float:
    """Convert a YAML value to a finite number, for the type `float`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        reject(place, f"{shown(value)} is not a number.")
    return float(value)


def decimal(place: str, _: str, value: object) -> Decimal:
    """Convert a YAML value to a finite `Decimal`, for the type `decimal`."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        reject(place, f"{shown(value)} is not a decimal number.")
    return number


def day(place: str, _: str, value: object) -> dt.date:
    """Convert a YAML date, or a text in ISO 8601, to a `date`."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        reject(place, f"{shown(value)} is not a date like 2026-01-31.")
    return value


def switch(place: str, _: str, value: object) -> bool:
    """Convert a YAML value to a boolean, for the type `bool`."""
    return boolean(place, value)


def words(place: str, _: str, value: object) -> str:
    """Convert a YAML value to a printable line, for the types `str`, `text` and `enum`."""
    return line(place, value, LONGEST["value"])


def container(place: str, _: str, value: object) -> object:
    """Return the default of a `json` field if it is an empty object or array; reject any other."""
    if value not in ({}, []):
        reject(place, "a default of json is {} or []: set any other one in the service's code.")
    return value


CONVERT: dict[str, Callable[[str, str, object], Any]] = {
    "bigint": whole,
    "bool": switch,
    "date": day,
    "decimal": decimal,
    "enum": words,
    "float": real,
    "int": whole,
    "json": container,
    "str": words,
    "text": words,
}


def pattern(place: str, value: object) -> str:
    """Return a regular expression if both `re` and Pydantic's Rust engine accept it; reject any other."""
    expression = line(place, value, LONGEST["str"])
    try:
        re.compile(expression)
        TypeAdapter(Annotated[str, StringConstraints(pattern=expression)])
    except (re.error, SchemaError):
        reject(place, f"{shown(expression)} is not a regular expression without look-around and back-references.")
    if not (expression.startswith("^") and expression.endswith("$")):
        reject(place, "it begins with ^ and ends with $: otherwise it would match any text that contains a match.")
    return expression


def enum_values(place: str, value: object) -> tuple[str, ...]:
    """Return the values of an enumeration, from a list or from a mapping of values to member names."""
    if not isinstance(value, list | dict) or not value:
        reject(place, "it is a list of words, such as [draft, live].")
    if len(value) > VALUES:
        reject(place, f"there are {len(value)} values, but {VALUES} are allowed.")
    values = tuple(line(place, each, LONGEST["value"]) for each in value)
    for number, each in enumerate(values):
        if each in values[:number]:
            reject(place, f"{each} is repeated: remove one.")
    return values


def member_names(place: str, source: object) -> tuple[str, ...]:
    """Return the member names of an enumeration's values, declared in a mapping or derived; reject equal ones."""
    values = enum_values(place, source)
    declared = source if isinstance(source, dict) else {}
    names = [declared_member(place, name) for name in declared.values()] or members(values)
    for number, name in enumerate(names):
        one, other = values[names.index(name)], values[number]
        example = f"{{{json.dumps(other, ensure_ascii=False)}: other_name}}"
        if not name:
            reject(place, f"{shown(other)} has no letter that could name its member: name it, such as {example}.")
        if one != other:
            fix = f"give {shown(other)} another member" if declared else "name each value's member"
            reject(
                place, f"{shown(one)} and {shown(other)} would both have the member {name}: {fix}, such as {example}."
            )
    return tuple(names)


def declared_member(place: str, name: object) -> str:
    """Return a declared member name in upper case; reject a name that is not in snake_case."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        reject(place, f"the member {shown(name)} is not in lower_snake_case, such as a_plus.")
    if len(name) > LONGEST_MEMBER:
        reject(place, f"the member {name} has {len(name)} characters: shorten it to {LONGEST_MEMBER} or less.")
    return member(name)
