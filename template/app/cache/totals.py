"""Totals: how many rows a list has, counted once until its table changes."""

from functools import lru_cache, partial
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, Table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.visitors import iterate

from app import filtering
from app.cache.values import CACHE, Cached

SECONDS = 60.0
STATEMENTS = 1000  # whose text is remembered

NUMBER = TypeAdapter(int)

_texts: dict[Any, str] = {}


async def count(session: AsyncSession, statement: Select[int]) -> int:
    """Give the number that a statement counts.

    A session that has begun a transaction counts by itself: it may see what nobody else does.
    """
    values = CACHE.get(session.info["app"])
    text = _text(statement)
    if not values.enabled or session.in_transaction() or text is None:
        return await filtering.count(session, statement)
    return await values.get(_total(_tables(statement)), partial(_counted, statement), text)


async def _counted(statement: Select[int], session: AsyncSession) -> int:
    return await filtering.count(session, statement)


def _text(statement: Select[int]) -> str | None:
    """Write a statement with its values, as SQLAlchemy's example of a cache does."""
    key = statement._generate_cache_key()  # noqa: SLF001
    if key is None:
        return None
    if len(_texts) >= STATEMENTS:
        _texts.clear()
    return key.to_offline_string(_texts, statement, {})


def _tables(statement: Select[int]) -> frozenset[Table]:
    return frozenset(part for part in iterate(statement) if isinstance(part, Table))


@lru_cache
def _total(tables: frozenset[Table]) -> Cached[int]:
    return Cached("total", NUMBER, tuple(tables), SECONDS)
