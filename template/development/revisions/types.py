"""Types of columns: whether a change keeps every value."""

import math
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, DateTime, Float, Integer, Numeric, String
from sqlalchemy.types import TypeEngine

LONGEST = 40  # characters of a number, a time or a UUID as text
DOUBLE = 15  # decimal digits that a float of 64 bits keeps


def is_lossless(old: TypeEngine[Any], new: TypeEngine[Any]) -> bool:
    """Return whether the new type holds every value of the old one; False if unknown."""
    if isinstance(new, String):
        return length(old) <= length(new)
    if isinstance(new, DateTime):
        return isinstance(old, Date)
    if isinstance(new, Float):
        return isinstance(old, Float) or sum(digits(old)) <= DOUBLE
    if not isinstance(new, Integer | Numeric):
        return False
    whole, fraction = digits(new)
    if isinstance(new, Integer):
        whole -= 1  # not all numbers of 10 or 19 digits
    return digits(old)[0] <= whole and digits(old)[1] <= fraction


def length(kind: TypeEngine[Any]) -> float:
    """Return how many characters a value may have as text."""
    if isinstance(kind, String):
        return kind.length or math.inf
    return math.inf if isinstance(kind, JSON) else LONGEST


def digits(kind: TypeEngine[Any]) -> tuple[float, float]:
    """Return how many digits a number may have before and after the point."""
    if isinstance(kind, BigInteger):
        return 19, 0
    if isinstance(kind, Integer):
        return 10, 0
    if isinstance(kind, Numeric) and kind.precision is not None:
        scale = kind.scale or 0
        return kind.precision - scale, scale
    return math.inf, math.inf
