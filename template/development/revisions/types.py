"""Changes of column types that lose no values."""

import math
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, DateTime, Float, Integer, Numeric, String
from sqlalchemy.types import TypeEngine

MAX_TEXT_LENGTH = 40  # characters of a number, a datetime or a UUID as text
DOUBLE = 15  # decimal digits of a 64-bit float


def is_lossless(old: TypeEngine[Any], new: TypeEngine[Any]) -> bool:
    """Return whether a new type can hold every value of an old type; False if unknown."""
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
    """Return the maximum number of characters of a type's values as text."""
    if isinstance(kind, String):
        return kind.length or math.inf
    return math.inf if isinstance(kind, JSON) else MAX_TEXT_LENGTH


def digits(kind: TypeEngine[Any]) -> tuple[float, float]:
    """Return a type's maximum number of digits before and after the decimal point."""
    if isinstance(kind, BigInteger):
        return 19, 0
    if isinstance(kind, Integer):
        return 10, 0
    if isinstance(kind, Numeric) and kind.precision is not None:
        scale = kind.scale or 0
        return kind.precision - scale, scale
    return math.inf, math.inf
