"""Values, as YAML hands them over: each is taken as what it has to be, or refused with its place."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from .domain import BITS
from .errors import line, refuse, shown
from .names import member

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = 100  # of an enumeration, the most
LONGEST = {"value": 50, "description": 80, "str": 500, "text": 1_000_000}  # characters


def boolean(place: str, value: object) -> bool:
    if not isinstance(value, bool):
        refuse(place, f"{shown(value)} is neither true nor false.")
    return value


def count(place: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(place, f"{shown(value)} is not a whole number from {least} to {most}.")
    return value


def whole(place: str, kind: str, value: object) -> int:
    limit = 1 << BITS[kind]
    return count(place, value, -limit, limit - 1)


def real(place: str, _: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        refuse(place, f"{shown(value)} is not a number.")
    return float(value)


def decimal(place: str, _: str, value: object) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        refuse(place, f"{shown(value)} is not a decimal number.")
    return found


def day(place: str, _: str, value: object) -> dt.date:
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        refuse(place, f"{shown(value)} is not a date like 2026-01-31.")
    return value


def switch(place: str, _: str, value: object) -> bool:
    return boolean(place, value)


def words(place: str, _: str, value: object) -> str:
    return line(place, value, LONGEST["value"])


def container(place: str, _: str, value: object) -> object:
    if value not in ({}, []):
        refuse(place, "a default of json is {} or []; anything else is up to the service's own code.")
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
    """Take a regular expression that both Python and Pydantic's Rust understand."""
    found = line(place, value, LONGEST["str"])
    try:
        re.compile(found)
        TypeAdapter(Annotated[str, StringConstraints(pattern=found)])
    except (re.error, SchemaError):
        refuse(place, f"{shown(found)} is no regular expression without look-around and back-references.")
    if not (found.startswith("^") and found.endswith("$")):
        refuse(place, "it begins with ^ and ends with $, or it would match any text that holds a match.")
    return found


def enum_values(place: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        refuse(place, "it is a list of words, such as [draft, live].")
    if len(value) > VALUES:
        refuse(place, f"there are {len(value)}; {VALUES} is the most.")
    found = tuple(line(place, each, LONGEST["value"]) for each in value)
    names = [member(each) for each in found]
    for number, name in enumerate(names):
        if not name.strip("_"):
            refuse(place, f"{shown(found[number])} has no letter or digit to name it by.")
        if name in names[:number]:
            refuse(place, f"{found[names.index(name)]} and {found[number]} would both be called {name}.")
    return found
