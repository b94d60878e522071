"""Cache of list totals: the row count of each list query.

A change of one of the query's tables invalidates the count.
"""

from functools import lru_cache, partial
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, Table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.visitors import iterate

from app import filtering
from app.cache.values import CACHE, Cached

TTL = 60.0  # seconds
MAX_STATEMENTS = 1000  # statements whose SQL text is memoized

INTEGER = TypeAdapter(int)

_statements: dict[Any, str] = {}  # SQL text by SQLAlchemy's cache key


async def count(session: AsyncSession, statement: Select[int]) -> int:
    """Return the row count that a statement selects, from the cache if possible.

    A session in a transaction bypasses the cache, since it may see uncommitted rows.
    """
    values = CACHE.get(session.info["app"])
    key = _cache_key(statement)
    if not values.enabled or session.in_transaction() or key is None:
        return await filtering.count(session, statement)
    return await values.get(_cached_total(_tables(statement)), partial(_count, statement), key)


async def _count(statement: Select[int], session: AsyncSession) -> int:
    return await filtering.count(session, statement)


def _cache_key(statement: Select[int]) -> str | None:
    """Return the statement's SQL with its parameters as a cache key.

    Return None if SQLAlchemy cannot cache the statement.
    """
    key = statement._generate_cache_key()  # noqa: SLF001 - a test names the version that has it
    if key is None:
        return None
    if len(_statements) >= MAX_STATEMENTS:
        _statements.clear()
    return key.to_offline_string(_statements, statement, {})


def _tables(statement: Select[int]) -> frozenset[Table]:
    return frozenset(part for part in iterate(statement) if isinstance(part, Table))


@lru_cache
def _cached_total(tables: frozenset[Table]) -> Cached[int]:
    return Cached("total", INTEGER, tuple(tables), TTL)
