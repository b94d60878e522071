"""Filtering, sorting and pagination of lists, with SQL that is built from query parameters."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, bindparam, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.models.base import Identified

Column = InstrumentedAttribute[Any]
Filter = Callable[[Any], ColumnElement[bool]]
Filters = Mapping[str, Filter]  # filters by query parameter


def equals(column: Column) -> Filter:
    """Match rows whose column equals the value."""
    return lambda value: column == value


def one_of(column: Column) -> Filter:
    """Match rows whose column equals any of several values."""
    return column.in_


def at_least(column: Column) -> Filter:
    """Match rows whose column is the value or greater."""
    return lambda value: column >= value


def at_most(column: Column) -> Filter:
    """Match rows whose column is the value or smaller."""
    return lambda value: column <= value


def contains(*columns: Column) -> Filter:
    """Match rows in which any of the columns contains the text (case-insensitive)."""
    return lambda text: or_(*(column.icontains(text, autoescape=True) for column in columns))


def conditions(query: BaseModel, filters: Filters) -> list[ColumnElement[bool]]:
    """Return an SQL condition for each filter that is set."""
    values = {name: getattr(query, name) for name in filters}
    return [filters[name](value) for name, value in values.items() if value not in (None, "", [])]


def page_statements(
    rows: Select[*tuple[Any, ...]], model: type[Identified], sorts: Iterable[str]
) -> dict[str, Select[*tuple[Any, ...]]]:
    """Map each sort order to its SELECT statement for one page.

    Each statement has the parameters `size` and `offset`.

    Args:
        rows: the rows of all pages
        model: the model that has the sorted columns
        sorts: names of columns; `-price` sorts descending. Null sorts last either way.
    """
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
    """Return the row count that a statement selects."""
    return (await session.execute(statement)).scalar_one()
