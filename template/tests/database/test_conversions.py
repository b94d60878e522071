"""Tests of `migrations.conversions`: values that a changed type keeps exactly, or rejects."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Integer,
    Numeric,
    String,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from migrations.conversions import convert

KEY = UUID("0197a3b2-7c1d-7e2f-8a3b-4c5d6e7f8a9b")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 1, 31, tzinfo=UTC)
TEXT, SHORT, MOMENT, PRICE = Text(), String(5), DateTime(timezone=True), Numeric(10, 2)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        # numbers and truth values to text
        (7, TEXT, "7"),
        (-(2**63), TEXT, "-9223372036854775808"),
        (1.5, TEXT, "1.5"),
        (7.0, TEXT, "7"),
        (1e300, TEXT, "1e+300"),
        (Decimal("2.50"), TEXT, "2.50"),
        (Decimal("1E-8"), TEXT, "0.00000001"),
        (True, TEXT, "true"),
        # other types to text
        (date(197, 8, 24), TEXT, "0197-08-24"),
        (NOON, TEXT, "2026-01-31T12:00:00.000000Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), TEXT, "2026-01-31T12:00:00.000000Z"),
        (time(10, 11, 12), TEXT, "10:11:12"),
        (KEY, TEXT, "0197a3b2-7c1d-7e2f-8a3b-4c5d6e7f8a9b"),
        ({"a": [1, None]}, TEXT, '{"a": [1, null]}'),
        ("Käse!", SHORT, "Käse!"),
        # text to numbers
        ("7", Integer(), 7),
        ("-2147483648", Integer(), -(2**31)),
        ("2147483648", BigInteger(), 2**31),
        ("0.1", Double(), 0.1),
        ("1e5", Double(), 100_000.0),
        ("2.50", PRICE, Decimal("2.50")),
        ("1e5", PRICE, Decimal(100_000)),
        # text to other types
        ("true", Boolean(), True),
        ("0", Boolean(), False),
        ("2026-01-31", Date(), date(2026, 1, 31)),
        ("2026-01-31T12:00:00Z", MOMENT, NOON),
        ("2026-01-31 14:00+02:00", MOMENT, NOON),
        ("10:30", Time(), time(10, 30)),
        (KEY.hex.upper(), Uuid(), KEY),
        ('{"a": [1.10, null]}', JSON(), {"a": [1.1, None]}),
        ("[]", JSON(), []),
        # numbers and truth values to each other
        (7, BigInteger(), 7),
        (7, Double(), 7.0),
        (7, PRICE, Decimal(7)),
        (2**31 - 1, Integer(), 2_147_483_647),
        (7.0, Integer(), 7),
        (0.1, PRICE, Decimal("0.1")),
        (Decimal("7.00"), Integer(), 7),
        (Decimal("19.90"), Double(), 19.9),
        (1, Boolean(), True),
        (0.0, Boolean(), False),
        (True, Integer(), 1),
        (False, PRICE, Decimal(0)),
        (True, Double(), 1.0),
        # times to each other
        (date(2026, 1, 31), MOMENT, MIDNIGHT),
        (MIDNIGHT, Date(), date(2026, 1, 31)),
    ],
    ids=repr,
)
def test_fitting_value_converts_exactly(value: Any, kind: TypeEngine[Any], expected: Any) -> None:  # noqa: ANN401
    converted = convert(value, kind)
    assert (type(converted), converted) == (type(expected), expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        # text
        ("Käse!!", SHORT),
        (123_456, SHORT),
        ("07", Integer()),
        ("", Integer()),
        (" 7", Integer()),
        ("7.0", Integer()),
        ("1e5", Integer()),
        ("٧", Integer()),
        ("2147483648", Integer()),
        ("9223372036854775808", BigInteger()),
        ("NaN", Double()),
        ("0.1000000000000000055", Double()),
        ("2.505", PRICE),
        ("100000000.00", PRICE),
        ("True", Boolean()),
        ("yes", Boolean()),
        ("2026-02-30", Date()),
        ("20260131", Date()),
        ("2026-01-31T12:00:00", MOMENT),
        ("2026-01-31", MOMENT),
        ("25:00", Time()),
        ("10:30Z", Time()),
        (f"{{{KEY}}}", Uuid()),
        ("7", JSON()),
        ('{"a": 1, "a": 2}', JSON()),
        ("[NaN]", JSON()),
        # numbers
        (2**31, Integer()),
        (2**53 + 1, Double()),
        (100_000_000, PRICE),
        (1.5, Integer()),
        (1e300, BigInteger()),
        (0.125, PRICE),
        (Decimal("1.50"), Integer()),
        (Decimal("0.12345678901234567"), Double()),
        (2, Boolean()),
        (0.5, Boolean()),
        # times
        (NOON, Date()),
    ],
    ids=repr,
)
def test_value_that_does_not_fit_is_rejected(value: Any, kind: TypeEngine[Any]) -> None:  # noqa: ANN401
    with pytest.raises((ValueError, ArithmeticError)):
        convert(value, kind)
