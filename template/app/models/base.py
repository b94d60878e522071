"""What all tables share: names of constraints, keys, and times of change."""

import os
import re
import time
import zlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Enum, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql import expression

WORDS = {">=": " ge ", "<=": " le ", ">": " gt ", "<": " lt ", " -": " minus "}
LONGEST = 28  # characters of a check's name; with its table's, databases keep 63
TOKEN = 16  # characters that a column of words has at least


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def uuid7() -> UUID:
    """Return a UUID of version 7, which sorts by creation time (RFC 9562, sections 5.7 and 6.2).

    The time has a resolution of a quarter of a microsecond.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True)}


class Identified:
    """Rows with a key of their own."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


class Timestamped:
    """Rows that know when they were made, and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=now, index=True, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now, sort_order=1)


def check_name(rule: str) -> str:
    """Name a check after what it allows; what would not fit, or is not ASCII, is summed up.

    Alembic compares constraints by their names: this way it sees that one has changed.
    """
    checksum = f"{zlib.crc32(rule.encode()):08x}"
    for sign, word in WORDS.items():
        rule = rule.replace(sign, word)
    name = re.sub(r"[^0-9A-Za-z]+", "_", rule).strip("_").lower()
    if rule.isascii() and len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9].strip('_')}_{checksum}"


def check(rule: str) -> CheckConstraint:
    """Have the database check a rule, such as `price >= 0`."""
    return CheckConstraint(rule, name=check_name(rule))


def enum_check(column: str, kind: type[StrEnum]) -> CheckConstraint:
    """Have the database check that a column holds one of an enumeration's words."""
    words = [member.value for member in kind]
    name = check_name(" ".join([column, *words]))
    return CheckConstraint(expression.column(column, String()).in_(words), name=name)


def enum_type(kind: type[StrEnum]) -> Enum:
    """Keep an enumeration's word as text."""
    words = [member.value for member in kind]
    length = max(TOKEN, *map(len, words))
    return Enum(kind, native_enum=False, length=length, values_callable=lambda _: words)
