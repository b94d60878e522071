"""Write Python literals as `ruff format` would format them."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = 20  # characters; a longer repetition becomes a product: "x" * 21
GROUPED = 10_000  # from here on, digits are grouped by underscores


def expression(pattern: str) -> str:
    """Return a regular expression as a Python literal, raw if it has backslashes and at most one kind of quote."""
    if "\\" not in pattern or ('"' in pattern and "'" in pattern):
        return quoted(pattern)
    return f"r'{pattern}'" if '"' in pattern else f'r"{pattern}"'


def text(value: str) -> str:
    """Return a text as a Python literal, or as a product such as `"x" * 40` if one character is repeated."""
    repeated = len(value) > SHORT and set(value) == set(value[0])
    return f"{quoted(value[0])} * {len(value)}" if repeated else quoted(value)


def whole(value: int) -> str:
    """Return an integer as a Python literal, with underscores that group the digits of a long one."""
    return f"{value:_}" if abs(value) >= GROUPED else str(value)


def decimal(value: Decimal) -> str:
    """Return a decimal as a call such as `Decimal("1.5")`, or `Decimal(1)` without a fraction."""
    digits = f"{value:f}"
    return f'Decimal("{digits}")' if "." in digits else f"Decimal({whole(int(value))})"


# The first match counts: bool is a subclass of int, and datetime of date.
WRITERS: dict[type | tuple[type, ...], Callable[[Any], str]] = {
    str: text,
    bool: repr,
    int: whole,
    float: lambda value: repr(value).replace("e+", "e"),
    Decimal: decimal,
    datetime: lambda value: f"datetime({value.year}, {value.month}, {value.day}, tzinfo=UTC)",
    date: lambda value: f"date({value.year}, {value.month}, {value.day})",
    time: lambda value: f"time({value.hour})",
    UUID: lambda value: f"UUID(int={value.int})",
    (dict, list): lambda value: json.dumps(value, ensure_ascii=False),
}


def literal(value: object) -> str:
    """Return a value of any field type as a Python literal."""
    return next(write(value) for kind, write in WRITERS.items() if isinstance(value, kind))
