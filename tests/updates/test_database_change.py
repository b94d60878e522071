"""A service changes its database: all rows move, and revisions of one database run on the other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.checks.runner import environment
from tests.harness.combinations.domains import DOMAINS
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, update
from tests.harness.workspace import RELEASE, commit

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

GROWING = {"resources": DOMAINS["shop"], "auth": "local", "tasks": "taskiq", "features": ["files"]}
ROWS = 3
MAKE = f"""
import asyncio
from importlib import import_module
from pkgutil import iter_modules
from sqlalchemy.ext.asyncio import async_sessionmaker
from app import migrate
from tests import factories

async def make():
    engine = migrate.create()
    async with async_sessionmaker(engine, expire_on_commit=False)() as session:
        for module in iter_modules(factories.__path__, "tests.factories."):
            for _ in range({ROWS}):
                await import_module(module.name).make(session)
    await engine.dispose()

asyncio.run(migrate.migrate())
asyncio.run(make())
"""
SHOW = """
import asyncio, json
from pydantic_core import to_jsonable_python
from sqlalchemy import select
from app import migrate
from app.models import Base

async def show():
    engine = migrate.create()
    async with engine.connect() as connection:
        tables = {}
        for table in Base.metadata.sorted_tables:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
            tables[table.name] = [to_jsonable_python(dict(row)) for row in rows.mappings()]
    await engine.dispose()
    return tables
"""
MOVE = """
import os, sys
from development import databases
from app.__main__ import main

with databases.temporary() as os.environ["DATABASE_URL"]:
    for command in (["migrate"], ["move", sys.argv[1]]):
        if main(command):
            sys.exit(1)
    print(json.dumps(asyncio.run(show())))
"""


def run(directory: Path, program: str, *arguments: Path, **variables: str) -> str:
    """Run Python code in a service's directory; return its last line of output."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    env = environment() | {"ENVIRONMENT": "development"} | variables
    completed = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return (completed.stdout.splitlines() or [""])[-1]


def test_app_move_copies_all_rows_from_sqlite_to_postgresql(template: Path, tmp_path: Path, workspace: Path) -> None:
    _ = workspace
    service, file = tmp_path / "service", tmp_path / "app.db"
    render(template, service, all_questions().default | GROWING | {"database": "sqlite"}, RELEASE)
    commit(service, "start")
    on_sqlite = {"DATABASE_URL": f"sqlite:///{file}"}
    run(service, MAKE, **on_sqlite)
    before: dict[str, list[Any]] = json.loads(
        run(service, SHOW + "print(json.dumps(asyncio.run(show())))", **on_sqlite)
    )
    update(service, {"database": "postgresql"}, RELEASE)
    after = json.loads(run(service, SHOW + MOVE, file))
    filled = {table for table, rows in before.items() if len(rows) >= ROWS}
    assert filled >= {"categories", "orders", "products"}
    assert after == before


OWN_COLUMNS = """\
    shelf: Mapped[str | None] = mapped_column(String(20), unique=True)
    weight: Mapped[int] = mapped_column(server_default="5")

    category: Mapped"""
OWN_REVISION = '''\
"""Add a grade with a check constraint and partial and concurrent indexes."""

import sqlalchemy as sa
from alembic import op

revision = "own"
down_revision = "{down}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("products") as batch:
        batch.add_column(sa.Column("scratch", sa.Text()))
        batch.add_column(sa.Column("grade", sa.String(10)))
        batch.create_check_constraint(batch.f("ck_products_grade"), "grade <> 'x'")
    op.execute("UPDATE products SET grade = 'a'")
    op.create_index(
        "ix_products_grade",
        "products",
        ["grade"],
        postgresql_where=sa.text("grade <> 'b'"),
        sqlite_where=sa.text("grade <> 'b'"),
    )
    with op.batch_alter_table("products") as batch:
        batch.drop_column("scratch")
        batch.alter_column("title", existing_type=sa.String(120), type_=sa.String(150))
    with op.get_context().autocommit_block():
        op.create_index("ix_products_both", "products", ["grade", "weight"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("ix_products_both", "products")
    op.drop_index("ix_products_grade", "products")
    with op.batch_alter_table("products") as batch:
        batch.alter_column("title", existing_type=sa.String(150), type_=sa.String(120))
        batch.drop_constraint(batch.f("ck_products_grade"), type_="check")
        batch.drop_column("grade")
'''
UP_DOWN_UP = """
import asyncio, json
from alembic import command
from sqlalchemy import text
from app import migrate

async def run(connection, action, revision):
    await connection.run_sync(lambda each: action(migrate.config(each), revision))

async def main():
    assert await migrate.migrate()
    async with migrate.locked() as connection:
        await run(connection, command.downgrade, "0001")
    async with migrate.locked() as connection:
        await run(connection, command.upgrade, "head")
        names = "SELECT sql FROM sqlite_master WHERE tbl_name = 'products' AND sql IS NOT NULL ORDER BY name"
        return list((await connection.execute(text(names))).scalars())

print(json.dumps(asyncio.run(main())))
"""


OWN_SCHEMA = (
    "CONSTRAINT ck_products_grade CHECK (grade <> 'x')",
    "CONSTRAINT ck_products_price_ge_0 CHECK (price >= 0)",
    "REFERENCES categories (id) ON DELETE RESTRICT",
    "CREATE INDEX ix_products_grade ON products (grade) WHERE grade <> 'b'",
    "ix_products_both",
)


def write_own_revisions(service: Path) -> None:
    """Write a generated revision of own columns, and one by hand."""
    model = service / "app" / "models" / "product.py"
    source = model.read_text(encoding="utf-8").replace("    category: Mapped", OWN_COLUMNS, 1)
    model.write_text(source.replace("String(120)", "String(150)"), encoding="utf-8")
    run(service, "from app.__main__ import main\nassert not main(['revision', 'own columns'])")
    [written] = (service / "migrations" / "versions").glob("*own_columns.py")
    [down] = re.findall(r'^revision = "(\w+)"', written.read_text(encoding="utf-8"), re.MULTILINE)
    (written.parent / "own.py").write_text(OWN_REVISION.replace("{down}", down), encoding="utf-8")


def test_revisions_of_one_database_migrate_rows_of_the_other(template: Path, tmp_path: Path, workspace: Path) -> None:
    """Rows start on SQLite, revisions are written on PostgreSQL, run on SQLite, and run again on PostgreSQL."""
    _ = workspace
    service, file = tmp_path / "service", tmp_path / "app.db"
    on_sqlite = {"DATABASE_URL": f"sqlite:///{file}"}
    answers = all_questions().default | {"resources": DOMAINS["shop"], "auth": "none", "database": "sqlite"}
    render(template, service, answers, RELEASE)
    commit(service, "start")
    run(service, MAKE, **on_sqlite)
    before = json.loads(run(service, SHOW + "print(json.dumps(asyncio.run(show())))", **on_sqlite))
    update(service, {"database": "postgresql"}, RELEASE)
    commit(service, "postgresql")
    write_own_revisions(service)
    commit(service, "own")
    update(service, {"database": "sqlite"}, RELEASE)
    commit(service, "sqlite")
    schema = json.loads(run(service, UP_DOWN_UP, **on_sqlite))
    migrated = json.loads(run(service, SHOW + "print(json.dumps(asyncio.run(show())))", **on_sqlite))
    assert [each for each in OWN_SCHEMA if each not in "\n".join(schema)] == []
    products = migrated.pop("products")
    assert [
        {key: row[key] for key in old} for row, old in zip(products, before["products"], strict=True)
    ] == before.pop("products")
    assert {(row["shelf"], row["weight"]) for row in products} == {(None, 5)}
    assert migrated == before
    update(service, {"database": "postgresql"}, RELEASE)
    assert json.loads(run(service, SHOW + MOVE, file)) == migrated | {"products": products}
