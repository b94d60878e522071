"""Break promises of transactions and databases."""

from __future__ import annotations

from tests.harness.promises.definition import BOTH, SQLITE, Break, promise

TRANSACTION = """\
    async with connection.app.state.sessions.begin() as session:
        yield session
"""

COMMITS_ON_ERROR = """\
    async with connection.app.state.sessions() as session:
        try:
            yield session
        finally:
            await session.commit()
"""

KEEPS_SESSION_OF_DISCONNECTED = """\
    session = connection.app.state.sessions()
    connection.app.state.kept = (*getattr(connection.app.state, "kept", ()), session)
    yield session
    if not await Request(connection.scope, connection._receive).is_disconnected():
        await session.commit()
        await session.close()
"""

TRANSACTIONS = [
    *promise(
        "README.md: one transaction per request, committed or rolled back before the response is sent",
        Break(
            "commits after the response was sent",
            "app/database.py",
            'Depends(transaction, scope="function")',
            "Depends(transaction)",
            "database/test_transactions.py::test_nothing_is_kept_of_what_failed",
            BOTH,
        ),
        Break(
            "commits although the request failed",
            "app/database.py",
            TRANSACTION,
            COMMITS_ON_ERROR,
            "database/test_transactions.py::test_nothing_is_kept_of_what_failed",
            BOTH,
        ),
    ),
    *promise(
        "template/docs/postgresql.md: connections of requests are bounded by the pool",
        Break(
            "keeps the connection of a client that disconnected",
            "app/database.py",
            TRANSACTION,
            KEEPS_SESSION_OF_DISCONNECTED,
            "database/test_transactions.py::test_clients_that_hang_up_leave_no_connection_in_use",
            BOTH,
        ),
    ),
    *promise(
        "docs/resources.md: 409 for a duplicate, 422 for a missing foreign key, 409 to delete a referenced row",
        Break(
            "returns 500 for a duplicate",
            "app/database.py",
            "constraint = _constraint(violated(error))",
            "constraint = _constraint(None)",
            "database/test_database.py::test_a_clash_is_a_conflict_that_names_the_fields",
            BOTH,
        ),
        Break(
            "returns no 422 for a foreign key to a missing row",
            "app/database.py",
            "    if fields:\n        raise _dangling(fields)\n",
            "",
            "database/test_database.py::test_a_reference_to_nothing_is_refused",
            BOTH,
        ),
        Break(
            "returns 500 for the deletion of a referenced row",
            "app/database.py",
            "        raise errors.Conflict(message) from error\n",
            "        raise\n",
            "database/test_database.py::test_what_others_refer_to_stays",
            BOTH,
        ),
    ),
    *promise(
        "template/README.md.jinja: 503 while the database is unavailable",
        Break(
            "returns 500 while the database is unavailable",
            "app/postgresql.py",
            "raise Unavailable(message) from error",
            "raise",
            "database/test_postgresql.py::test_an_outage_costs_readiness_and_ends_by_itself",
            drill=True,
        ),
    ),
    *promise(
        "template/docs/postgresql.md: the server ends a statement after a timeout",
        Break(
            "sets no statement timeout",
            "app/postgresql.py",
            '            "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",\n',
            "",
            "database/test_postgresql.py::test_a_statement_that_takes_too_long_ends",
        ),
    ),
    *promise(
        "template/docs/postgresql.md: moving from SQLite takes one transaction",
        Break(
            "moves rows from SQLite without a transaction",
            "app/import_sqlite.py",
            "            async with engine.begin() as here:\n",
            '            async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as here:\n',
            "database/test_import_sqlite.py::test_what_is_refused_leaves_nothing_behind",
        ),
    ),
    *promise(
        "template/docs/postgresql.md: only databases of tests are dropped",
        Break(
            "drops databases that are not of tests",
            "development/postgresql.py",
            'if "_test_" not in (url.database or ""):',
            "if not url.database:",
            "database/test_database.py::test_only_a_test_database_is_dropped",
        ),
    ),
    *promise(
        "template/docs/sqlite.md: numbers of a fixed scale are exact",
        Break(
            "stores decimals as floats in SQLite",
            "app/sqlite.py",
            'Decimal(f"{value:.{self.scale or 0}f}")',
            "value",
            "database/test_sqlite.py::test_decimals_are_kept_exactly",
            SQLITE,
        ),
    ),
    *promise(
        "template/docs/sqlite.md: a transaction that may write takes its turn as it begins",
        Break(
            "begins deferred transactions in SQLite",
            "app/sqlite.py",
            '"BEGIN IMMEDIATE"',
            '"BEGIN"',
            "database/test_sqlite.py::test_writers_wait_for_each_other",
            SQLITE,
        ),
    ),
    *promise(
        "docs/resources.md: foreign keys are constraints of the database",
        Break(
            "does not enforce foreign keys in SQLite",
            "app/sqlite.py",
            'cursor.execute("PRAGMA foreign_keys = ON")',
            'cursor.execute("PRAGMA foreign_keys = OFF")',
            "database/test_sqlite.py::test_foreign_keys_are_enforced",
            SQLITE,
        ),
    ),
]
