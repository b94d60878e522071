"""Updates that rename resources and fields: the migration preserves their rows."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.checks.runner import environment
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, update
from tests.harness.workspace import RELEASE, commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.domains import Domain

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

DEFAULT = all_questions().default
TITLE = {"type": "str", "min_length": 1, "max_length": 120, "unique": True}
STATE = {"type": "enum", "values": ["draft", "live"], "default": "draft"}
SHOP: Domain = [
    {"name": "supplier", "fields": {"name": {"type": "str", "unique": True}}},
    {
        "name": "product",
        "fields": {
            "title": TITLE,
            "price": {"type": "decimal", "ge": 0},
            "supplier": {"type": "ref", "to": "supplier"},
            "state": STATE,
            "note": "str?",
        },
        "unique": [["supplier", "price"]],
    },
    {
        "name": "review",
        "fields": {"product": {"type": "ref", "to": "product", "on_delete": "cascade"}, "stars": "int"},
    },
]
# Each resource and most fields are renamed, and other things change beside.
RENAMED: Domain = [
    {"name": "vendor", "was": "supplier", "fields": {"name": {"type": "str", "unique": True}}},
    {
        "name": "article",
        "was": "product",
        "fields": {
            "name": TITLE | {"was": "title"},
            "price": {"type": "decimal", "ge": 0},
            "vendor": {"type": "ref", "to": "vendor", "was": "supplier"},
            "status": STATE | {"values": ["draft", "live", "sold"], "was": "state"},
            "note": {"type": "str", "default": "it's new"},
            "rank": {"type": "int", "default": 7},
        },
        "unique": [["vendor", "price"]],
    },
    {
        "name": "review",
        "fields": {
            "article": {"type": "ref", "to": "article", "on_delete": "cascade", "was": "product"},
            "stars": "int",
        },
    },
]


def insert(table: str, **values: object) -> str:
    """Return an INSERT statement for a row with its timestamps."""
    values |= dict.fromkeys(("created_at", "updated_at"), "2026-01-02 03:04:05")
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(map(repr, values.values()))})"  # noqa: S608


SUPPLIER, PRODUCT, REVIEW = (f"{number:032x}" for number in range(3))
INSERTED = (
    insert("suppliers", id=SUPPLIER, name="Acme"),
    insert("products", id=PRODUCT, title="Anvil", price=9.5, supplier_id=SUPPLIER, state="live"),
    insert("reviews", id=REVIEW, product_id=PRODUCT, stars=5),
)
JOINED = (
    "SELECT vendors.name, articles.name, CAST(price * 2 AS INTEGER), status, note, rank, stars FROM reviews "
    "JOIN articles ON articles.id = article_id JOIN vendors ON vendors.id = vendor_id"
)
NAMES = (
    "SELECT conname FROM pg_constraint JOIN pg_class ON conrelid = pg_class.oid "
    "WHERE relname IN ('articles', 'vendors', 'reviews') AND contype <> 'n' "
    "UNION SELECT indexname FROM pg_indexes WHERE tablename IN ('articles', 'vendors', 'reviews') ORDER BY 1"
)
# Migrates the database of development, runs statements in it, and prints rows.
EXECUTE = """\
import asyncio, sys
from app import migrate
from development.commands import database

async def execute():
    await migrate.migrate()
    async with migrate.create().begin() as connection:
        for statement in sys.argv[1:]:
            result = await connection.exec_driver_sql(statement)
            if result.returns_rows:
                print([tuple(row) for row in result])

with database():
    asyncio.run(execute())
"""


def run(directory: Path, *command: str) -> str:
    """Run Python in the service's directory, and return its output."""
    completed = subprocess.run(
        [sys.executable, *command], cwd=directory, env=environment(), capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def rows(directory: Path, *statements: str) -> list[tuple[Any, ...]]:
    """Migrate the database, run SQL statements, and return the rows of the last one."""
    result: list[tuple[Any, ...]] = ast.literal_eval(run(directory, "-c", EXECUTE, *statements).splitlines()[-1])
    return result


def start(template: Path, directory: Path, database: str, domain: Domain = SHOP) -> None:
    render(template, directory, DEFAULT | {"database": database, "resources": domain}, RELEASE)
    commit(directory, "start")


def written(directory: Path) -> str:
    """Return the text of the last Alembic revision."""
    *_, last = sorted((directory / "migrations" / "versions").glob("2*.py"))
    return last.read_text(encoding="utf-8")


def assert_migrations_pass(directory: Path) -> None:
    """Assert that the service's migration tests and ruff pass."""
    run(directory, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/database/test_migrations.py")
    run(directory, "-m", "ruff", "check", "--no-cache")
    run(directory, "-m", "ruff", "format", "--check", "--no-cache")


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_rename_migration_preserves_rows(database: str, template: Path, empty: Path) -> None:
    start(template, empty, database)
    rows(empty, *INSERTED, "SELECT 1")
    update(empty, {"resources": RENAMED}, RELEASE)
    warnings = run(empty, "-m", "app", "revision", "rename")
    assert "Warning" not in warnings
    assert "drop_table" not in written(empty)
    assert "drop_column" not in written(empty).partition("def downgrade")[0]
    assert rows(empty, JOINED) == [("Acme", "Anvil", 19, "live", "it's new", 7, 5)]
    assert_migrations_pass(empty)


def test_renamed_and_fresh_database_have_equal_constraint_names(template: Path, empty: Path) -> None:
    """A later table with the former name can then use these names."""
    start(template, empty / "renamed", "postgresql")
    update(empty / "renamed", {"resources": RENAMED}, RELEASE)
    run(empty / "renamed", "-m", "app", "revision", "rename")
    start(template, empty / "fresh", "postgresql", RENAMED)
    assert rows(empty / "renamed", NAMES) == rows(empty / "fresh", NAMES)
