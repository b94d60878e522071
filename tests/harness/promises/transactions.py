"""Faults that violate promises of transactions and databases."""

from __future__ import annotations

from tests.harness.promises.definition import BOTH, SQLITE, Break, promise

TRANSACTION = """\
    async with SESSIONS.get(connection.app).begin() as session:
        yield session
"""

COMMITS_ON_ERROR = """\
    async with SESSIONS.get(connection.app)() as session:
        try:
            yield session
        finally:
            await session.commit()
"""

KEEPS_SESSION_OF_DISCONNECTED = """\
    session = SESSIONS.get(connection.app)()
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
            "database/test_transactions.py::test_failed_request_is_rolled_back",
            BOTH,
        ),
        Break(
            "commits although the request failed",
            "app/database.py",
            TRANSACTION,
            COMMITS_ON_ERROR,
            "database/test_transactions.py::test_failed_request_is_rolled_back",
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
            "database/test_transactions.py::test_disconnected_clients_release_database_connections",
            BOTH,
        ),
    ),
    *promise(
        "docs/resources.md: 409 for a duplicate, 422 for a missing foreign key, 409 to delete a referenced row",
        Break(
            "returns 500 for a duplicate",
            "app/database.py",
            "constraint = constraints.find_constraint(constraint_name(error))\n        if ",
            "constraint = None\n        if ",
            "database/test_database.py::test_create_duplicate_returns_409_with_duplicate_value",
            BOTH,
        ),
        Break(
            "returns no 422 for a foreign key to a missing row",
            "app/database.py",
            "    if missing:\n        raise constraints.unknown_reference(missing)\n",
            "",
            "database/test_database.py::test_create_with_unknown_reference_returns_422",
            BOTH,
        ),
        Break(
            "returns 500 for the deletion of a referenced row",
            "app/database.py",
            "        raise constraints.still_referenced(row, constraint) from error\n",
            "        raise\n",
            "database/test_database.py::test_delete_of_referenced_row_returns_409",
            BOTH,
        ),
        Break(
            "soft-deletes a row that other rows reference",
            "app/deletion.py",
            "            if await _is_referenced(session, key, keys):\n",
            "            if False:\n",
            "database/test_deletion.py::test_soft_deleted_row_does_not_restrict",
            BOTH,
        ),
    ),
    *promise(
        "template/README.md.jinja: 503 while the database is unavailable",
        Break(
            "returns 500 while the database is unavailable",
            "app/postgresql.py",
            "raise Unavailable(message) from cause",
            "raise",
            "database/test_postgresql.py::test_service_recovers_from_database_outage_without_restart",
            drill=True,
        ),
    ),
    *promise(
        "template/docs/postgresql.md: the server ends a statement after a timeout",
        Break(
            "sets no statement timeout",
            "app/postgresql.py",
            '        "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",\n',
            "",
            "database/test_postgresql.py::test_statement_timeout_returns_503",
        ),
    ),
    *promise(
        "template/docs/postgresql.md: parameters of the URL are honored, ignored or rejected by name",
        Break(
            "passes unknown parameters on to the driver",
            "app/libpq/parameters.py",
            "    if name not in HONORED:\n",
            "    if False:\n",
            "database/test_postgresql_url.py::test_parameter_is_accepted_or_rejected_by_name",
        ),
        Break(
            "trusts any server certificate",
            "app/libpq/tls.py",
            "context = ssl.create_default_context()",
            "context = ssl._create_unverified_context()",
            "database/test_postgresql_tls.py::test_certificates_of_operating_system_are_trusted",
        ),
    ),
    *promise(
        "template/docs/postgresql.md: moving from SQLite takes one transaction",
        Break(
            "moves rows from SQLite without a transaction",
            "app/import_sqlite.py",
            "target_engine.begin()",
            'target_engine.execution_options(isolation_level="AUTOCOMMIT").connect()',
            "database/test_import_sqlite.py::test_failed_import_leaves_database_empty",
        ),
    ),
    *promise(
        "template/docs/postgresql.md: only databases of tests are dropped",
        Break(
            "drops databases that are not of tests",
            "development/postgresql.py",
            'if "_test_" not in (url.database or ""):',
            "if not url.database:",
            "database/test_database.py::test_drop_rejects_database_not_created_by_tests",
        ),
    ),
    *promise(
        "template/docs/sqlite.md: decimals are exact",
        Break(
            "stores decimals as floats in SQLite",
            "app/sqlite.py",
            'Decimal(f"{value:.{self.scale or 0}f}")',
            "value",
            "database/test_sqlite.py::test_sqlite_stores_decimals_exactly",
            SQLITE,
        ),
    ),
    *promise(
        "template/docs/sqlite.md: a write transaction takes the lock when it begins",
        Break(
            "begins deferred transactions in SQLite",
            "app/sqlite.py",
            '"BEGIN IMMEDIATE"',
            '"BEGIN"',
            "database/test_sqlite.py::test_concurrent_writes_wait_for_each_other",
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
            "database/test_sqlite.py::test_sqlite_enforces_foreign_keys",
            SQLITE,
        ),
    ),
]
