"""Base classes of models, with primary keys, timestamps and names of constraints."""

import os
import re
import time
import zlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Enum, MetaData, String
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql import expression

OPERATORS = {">=": " ge ", "<=": " le ", ">": " gt ", "<": " lt ", " -": " minus "}
MAX_CHECK_NAME = 28  # characters; with the table's name, at most 63, as databases allow
MIN_ENUM_LENGTH = 16  # characters of the column, so that longer members rarely need a migration


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def uuid7() -> UUID:
    """Return a UUIDv7, which sorts by creation time (RFC 9562, sections 5.7 and 6.2).

    The time has a resolution of a quarter of a microsecond.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


class Base(DeclarativeBase):
    """Declarative base class of all models."""

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
    """Mixin that adds a UUID primary key."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


def creation_time(context: DefaultExecutionContext) -> datetime:
    """Return `created_at` of the row that is inserted, as `updated_at` of an unchanged row."""
    row: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    return row.get("created_at") or now()


class Timestamped:
    """Mixin that adds the times of creation and last update."""

    created_at: Mapped[datetime] = mapped_column(default=now, index=True, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(default=creation_time, onupdate=now, sort_order=1)


def check_name(condition: str, *, is_ambiguous: bool = False) -> str:
    """Return a check constraint's name, which is derived from its condition.

    Alembic compares check constraints by name, so a changed condition needs a changed name. A
    condition that is ambiguous, long or not ASCII is shortened to a checksum (CRC-32).
    """
    checksum = f"{zlib.crc32(condition.encode()):08x}"
    for sign, word in OPERATORS.items():
        condition = condition.replace(sign, word)
    name = _words(condition)
    if condition.isascii() and len(name) <= MAX_CHECK_NAME and not is_ambiguous:
        return name
    return f"{name[: MAX_CHECK_NAME - 9].strip('_')}_{checksum}"


def _words(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_").lower()


def check(condition: str) -> CheckConstraint:
    """Return a check constraint with a condition such as `price >= 0`."""
    return CheckConstraint(condition, name=check_name(condition))


def enum_check(column: str, kind: type[StrEnum]) -> CheckConstraint:
    """Return a check constraint that allows only the values of an enumeration."""
    values = [member.value for member in kind]
    words = {_words(value) for value in values}
    is_ambiguous = "" in words or len(words) < len(values)  # such as A+ and A-
    name = check_name(" ".join([column, *values]), is_ambiguous=is_ambiguous)
    return CheckConstraint(expression.column(column, String()).in_(values), name=name)


def enum_type(kind: type[StrEnum]) -> Enum:
    """Return a column type that stores the values of an enumeration as text."""
    values = [member.value for member in kind]
    length = max(MIN_ENUM_LENGTH, *map(len, values))
    return Enum(kind, native_enum=False, length=length, values_callable=lambda _: values)
