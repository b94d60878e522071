"""Changes of column types that lose no values."""

import math
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
    Numeric,
    String,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeEngine

LENGTHS: dict[type[TypeEngine[Any]], int] = {  # maximum numbers of characters as text
    Boolean: 5,
    BigInteger: 20,  # before Integer, its base
    Integer: 11,
    Float: 24,
    Date: 10,
    Time: 15,
    DateTime: 27,
    Uuid: 36,
}
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
    """Return the maximum number of characters of a type's values as text; infinity if unknown."""
    if isinstance(kind, String):
        return kind.length or math.inf
    for base, characters in LENGTHS.items():
        if isinstance(kind, base):
            return characters
    return sum(digits(kind)) + len("-0.")


def digits(kind: TypeEngine[Any]) -> tuple[float, float]:
    """Return a type's maximum number of digits before and after the decimal point."""
    if isinstance(kind, Boolean):
        return 1, 0
    if isinstance(kind, BigInteger):
        return 19, 0
    if isinstance(kind, Integer):
        return 10, 0
    if isinstance(kind, Numeric) and kind.precision is not None:
        scale = kind.scale or 0
        return kind.precision - scale, scale
    return math.inf, math.inf
