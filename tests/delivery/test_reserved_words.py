"""Both databases accept every accepted name in SQL without quotes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import asyncpg
import pytest

from extensions.slipway_template.language.parsing import domain_problem
from extensions.slipway_template.language.reserved import OF_POSTGRESQL, SQL
from tests.harness.checks.servers import running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

# https://sqlite.org/lang_keywords.html, and other names of a row's key
SQLITE = """
    abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade case
    cast check collate column commit conflict constraint create cross current current_date current_time
    current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
    except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
    groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key
    last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others outer
    over partition plan pragma preceding primary query raise range recursive references regexp reindex release rename
    replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
    transaction trigger unbounded union unique update using vacuum values view virtual when where window with without
    oid rowid
""".split()  # noqa: SIM905
KEYWORDS = "SELECT word FROM pg_get_keywords()"
SYSTEM_COLUMNS = "SELECT attname FROM pg_attribute WHERE attnum < 0 AND attrelid = 'pg_class'::regclass"
STATEMENTS = {
    "field": """
        CREATE TABLE things (id integer PRIMARY KEY, {0} integer, CONSTRAINT ck CHECK ({0} >= 0));
        CREATE INDEX ix ON things ({0});
        INSERT INTO things (id, {0}) VALUES (1, 2);
        UPDATE things SET {0} = 3 WHERE {0} = 2;
        SELECT {0}, count(*) FROM things WHERE things.{0} > 1 GROUP BY {0} ORDER BY {0} DESC;
        ALTER TABLE things RENAME COLUMN {0} TO other;
        ALTER TABLE things RENAME COLUMN other TO {0};
        DROP TABLE things
    """,
    "plural": """
        CREATE TABLE {0} (id integer PRIMARY KEY, key integer);
        CREATE TABLE other_things (id integer REFERENCES {0} (id));
        INSERT INTO {0} (id) VALUES (1);
        UPDATE {0} SET key = 3 WHERE {0}.id = 1;
        SELECT a.id, {0}.key FROM {0} a JOIN {0} ON {0}.id = a.id;
        DELETE FROM {0};
        DROP TABLE other_things;
        ALTER TABLE {0} RENAME TO former;
        ALTER TABLE former RENAME TO {0};
        DROP TABLE {0}
    """,
}


@pytest.fixture(scope="module")
def url(serve: Callable[[Answers], Service]) -> Iterator[str]:
    with running_server("postgresql", serve({"database": "postgresql"})) as url:
        yield url


async def find_failures(url: str) -> list[str]:
    """Return the errors of both databases for keywords that are accepted as names."""
    failures = []
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool, pool.acquire() as connection:
        words = {row[0] for query in (KEYWORDS, SYSTEM_COLUMNS) for row in await connection.fetch(query)}
        assert words.issuperset(OF_POSTGRESQL)
        for word in sorted(words | SQL | set(SQLITE)):
            for kind in accepted_kinds(word):
                statements = STATEMENTS[kind].format(word)
                try:
                    with closing(sqlite3.connect(":memory:")) as sqlite:
                        sqlite.executescript(statements)
                    async with connection.transaction():
                        await connection.execute(statements)
                except (asyncpg.PostgresError, sqlite3.Error) as error:
                    failures.append(f"{kind} {word}: {error}")
    return failures


def accepted_kinds(word: str) -> list[str]:
    """Return whether a word is accepted as the name of a field, as a plural, or as both."""
    declarations = {
        "field": {"name": "thing", "fields": {word: "int"}},
        "plural": {"name": "thing", "plural": word, "fields": {"title": "str"}},
    }
    return [kind for kind, declaration in declarations.items() if not domain_problem([declaration])]


def test_accepted_names_need_no_quotes_in_sql(url: str) -> None:
    assert asyncio.run(find_failures(url)) == []


def test_reserved_words_are_reported_with_accepted_name() -> None:
    for word in sorted(SQL | OF_POSTGRESQL):
        problem = domain_problem([{"name": "thing", "fields": {word: "int"}}])
        assert f"{word} is " in problem
        if "keyword of Python" not in problem:
            other = problem.rstrip(".").rsplit(" ", 1)[-1]
            assert domain_problem([{"name": "thing", "fields": {other: "int"}}]) == "", problem
