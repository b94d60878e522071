"""A service moves from SQLite to PostgreSQL: an update changes the code, `app move` copies all rows."""

from __future__ import annotations

import json
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
