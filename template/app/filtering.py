"""Lists: what the parameters of a query ask of the columns, and in which order rows come."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, bindparam, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.models.base import Identified

Column = InstrumentedAttribute[Any]
Filter = Callable[[Any], ColumnElement[bool]]
Filters = Mapping[str, Filter]  # by the name of the parameter


def equals(column: Column) -> Filter:
    """Ask for the one value."""
    return lambda value: column == value


def one_of(column: Column) -> Filter:
    """Ask for any of some values."""
    return column.in_


def at_least(column: Column) -> Filter:
    """Ask for a value, or a greater one."""
    return lambda value: column >= value


def at_most(column: Column) -> Filter:
    """Ask for a value, or a smaller one."""
    return lambda value: column <= value


def contains(*columns: Column) -> Filter:
    """Ask for words that stand in any of the columns, in capitals or not."""
    return lambda words: or_(*(column.icontains(words, autoescape=True) for column in columns))


def conditions(wanted: BaseModel, filters: Filters) -> list[ColumnElement[bool]]:
    """Say what a query asks, parameter by parameter; what was not given asks nothing."""
    given = {name: getattr(wanted, name) for name in filters}
    return [filters[name](value) for name, value in given.items() if value not in (None, "", [])]


def page_statements(
    rows: Select[*tuple[Any, ...]], model: type[Identified], sorts: Iterable[str]
) -> dict[str, Select[*tuple[Any, ...]]]:
    """Make a statement for each order: `-price` is the greatest price first, and no price last."""
    statements = {}
    for sort in sorts:
        column = getattr(model, sort.removeprefix("-"))
        order = column.desc() if sort.startswith("-") else column.asc()
        statements[sort] = (
            rows.order_by(order.nulls_last(), model.id)
            .limit(bindparam("size"))
            .offset(bindparam("offset"))
        )
    return statements


async def count(session: AsyncSession, statement: Select[int]) -> int:
    """Give the number that a statement counts."""
    return (await session.execute(statement)).scalar_one()
