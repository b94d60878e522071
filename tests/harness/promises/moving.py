"""Breaks of what is moved from SQLite."""

from __future__ import annotations

from tests.harness.promises.definition import Break

MOVING = [
    Break(
        "rows refer to what has not come yet",
        "app/moving.py",
        "[row | nulls for row in rows]",
        "rows",
        "test_database_change.py::test_rows_may_refer_to_those_that_come_later",
    ),
    Break(
        "who refers to later rows is changed by the move",
        "app/moving.py",
        "if column.onupdate}",
        "if not column}",
        "test_database_change.py::test_rows_may_refer_to_those_that_come_later",
    ),
    Break(
        "times are moved without their zone",
        "app/moving.py",
        "{DateTime: UtcDateTime, Numeric",
        "{Numeric",
        "test_database_change.py::test_times_are_read_as_utc",
    ),
    Break(
        "rows are moved among others",
        "app/moving.py",
        "if await here.scalar(select(exists().select_from(table))):",
        "if table is None:",
        "test_database_change.py::test_a_database_with_rows_is_left_as_it_is",
    ),
    Break(
        "what an older release wrote is moved",
        "app/moving.py",
        "if not migrate.is_current(there):",
        "if there is None:",
        "test_database_change.py::test_an_older_file_is_not_read",
    ),
    Break(
        "half of the rows stay where the others are refused",
        "app/moving.py",
        "            async with engine.begin() as here:\n",
        '            async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as here:\n',
        "test_database_change.py::test_what_is_refused_leaves_nothing_behind",
    ),
]
