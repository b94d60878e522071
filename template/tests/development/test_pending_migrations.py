"""Tests of the offer of `app dev` to apply pending migrations."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import column, table, update
from starlette.types import Message

from app import migrate
from app.database import ENGINE
from app.migrate import config
from app.settings import ROOT
from development.pending_migrations import PendingMigrations, differs
from development.server import create_app
from tests.support.checkout import copy_checkout, run_command
from tests.support.live_server import lifespan, spawned
from tests.support.timeouts import PROCESS_DEADLINE

REVISION = '''"""{name}."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "pending", {head!r}


def upgrade():
    {statement}
'''
CREATE = 'op.create_table("_jots", sa.Column("id", sa.Integer(), primary_key=True))'
BROWSER = {"Accept": "text/html"}
TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "app", "dev"])
"""


def write_revision(directory: Path, name: str = "Add <jots>", statement: str = CREATE) -> None:
    """Write a revision that is newer than the database."""
    path = directory / "migrations" / "versions" / "pending.py"
    path.unlink(missing_ok=True)
    head = ScriptDirectory.from_config(config()).get_current_head()
    revision = REVISION.format(name=name, statement=statement, head=head)
    path.write_text(revision)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the migrations of the service."""
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
async def app(
    checkout: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[FastAPI, None]:
    """Start the application of `app dev` with migrations of the copy."""
    _ = database_url
    application = create_app()
    monkeypatch.setattr("app.settings.ROOT", checkout)
    async with lifespan(application):
        yield application


async def get(
    app: FastAPI, method: str = "GET", path: str = "/health/live", **headers: str
) -> Response:
    """Send a request to the application."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        return await client.request(method, path, headers=names)


def middleware(app: FastAPI) -> PendingMigrations:
    """Return the middleware of a started application."""
    layer: Any = app.middleware_stack
    while not isinstance(layer, PendingMigrations):
        layer = layer.app
    return layer


async def test_request_without_pending_migration_is_served(app: FastAPI) -> None:
    assert (await get(app)).status_code == 200


async def test_request_with_pending_migration_returns_503_with_fix(
    app: FastAPI, checkout: Path
) -> None:
    write_revision(checkout)
    response = await get(app)
    assert (response.status_code, response.json()["code"]) == (503, "pending_migrations")
    assert response.json()["detail"] == (
        "Pending migrations: Add <jots>. Run `uv run app migrate`."
    )


async def test_button_of_page_applies_pending_migration(app: FastAPI, checkout: Path) -> None:
    write_revision(checkout)
    page = await get(app, **BROWSER)
    assert page.status_code == 503
    assert "<li>Add &lt;jots&gt;</li>" in page.text
    assert '<form method="post" action="/dev/migrate">' in page.text
    applied = await get(app, "POST", "/dev/migrate", Sec_Fetch_Site="same-origin")
    assert (applied.status_code, applied.headers["Location"]) == (303, "/")
    assert (await get(app)).status_code == 200


async def test_request_of_other_site_applies_no_migration(app: FastAPI, checkout: Path) -> None:
    write_revision(checkout)
    response = await get(app, "POST", "/dev/migrate", Sec_Fetch_Site="cross-site")
    assert response.status_code == 503
    assert (await get(app)).status_code == 503


async def test_request_of_other_host_applies_no_migration(app: FastAPI, checkout: Path) -> None:
    write_revision(checkout)
    assert (await get(app, "POST", "/dev/migrate", Host="rebound.example")).status_code == 503
    assert (await get(app)).status_code == 503


async def test_failed_migration_shows_reason(app: FastAPI, checkout: Path) -> None:
    write_revision(checkout, statement='raise ValueError("no jots")')
    response = await get(app, "POST", "/dev/migrate", **BROWSER)
    assert response.status_code == 503
    assert "no jots" in response.text
    write_revision(checkout)
    assert (await get(app, "POST", "/dev/migrate")).status_code == 303


async def test_migration_applied_by_other_command_ends_offer(app: FastAPI, checkout: Path) -> None:
    write_revision(checkout)
    assert (await get(app)).status_code == 503
    await migrate.migrate()
    assert (await get(app)).status_code == 200


async def test_invalid_revision_is_reported(app: FastAPI, checkout: Path) -> None:
    write_revision(checkout, statement="invalid syntax")
    assert "SyntaxError" in (await get(app)).json()["detail"]


async def test_unknown_revision_of_database_is_reported(app: FastAPI, checkout: Path) -> None:
    _ = checkout
    version = table("alembic_version", column("version_num"))
    async with ENGINE.get(app).begin() as connection:
        await connection.execute(update(version).values(version_num="elsewhere"))
    assert "uv run app reset" in (await get(app)).json()["detail"]


async def test_error_is_explained_while_models_differ(app: FastAPI) -> None:
    @app.get("/jots")
    async def fail() -> None:
        message = "column does not exist"
        raise RuntimeError(message)

    assert (await get(app, path="/jots")).status_code == 500
    await middleware(app).report()  # the table `jots` has no model
    response = await get(app, path="/jots")
    assert response.status_code == 503
    assert "uv run app revision" in response.json()["detail"]
    assert (await get(app)).status_code == 200


async def test_table_without_model_differs(database_url: str) -> None:
    _ = database_url  # which has the table `jots`
    async with migrate.connected() as connection:
        assert await connection.run_sync(differs)


async def test_table_with_model_does_not_differ(database_url: str, jots_in_metadata: None) -> None:
    _ = database_url, jots_in_metadata
    async with migrate.connected() as connection:
        assert not await connection.run_sync(differs)


async def test_start_reports_pending_migration_before_address(
    app: FastAPI,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_revision(checkout)
    monkeypatch.setenv("DEVELOPMENT_URL", "http://127.0.0.1:8000/docs")
    monkeypatch.setattr(app.router, "lifespan_context", lambda _: nullcontext())
    events = iter(["startup", "shutdown"])

    async def receive() -> Message:
        return {"type": f"lifespan.{next(events)}"}

    async def send(message: Message) -> None:
        assert message["type"].endswith(".complete")

    await app({"type": "lifespan", "state": {}}, receive, send)
    report, address = capsys.readouterr().out.splitlines()[-2:]
    assert report == "Pending    Add <jots>: run `uv run app migrate`"
    assert address == "API        http://127.0.0.1:8000/docs"


async def read_line(process: Process, expected: str) -> str:
    """Read the output of a process up to a line with the expected text."""
    assert process.stdout is not None
    async for line in process.stdout:
        if expected in line.decode():
            return line.decode()
    raise EOFError(expected)


@pytest.mark.drill
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
async def test_enter_in_terminal_applies_migration_after_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    copy = copy_checkout(tmp_path)
    terminal, stdin = os.openpty()
    options = {"cwd": copy, "stdin": stdin, "stdout": PIPE, "stderr": STDOUT}
    command = (sys.executable, "-c", TERMINAL)
    async with (
        asyncio.timeout(PROCESS_DEADLINE),
        spawned(*command, leads_group=True, **options) as process,
    ):
        address = await read_line(process, "API ")
        os.write(terminal, b"\n")  # before the offer, so without effect
        write_revision(copy)
        assert "press Enter" in await read_line(process, "Pending ")
        assert await read_line(process, "API ") == address
        os.write(terminal, b"\n")
        assert "Add <jots>" in await read_line(process, "migrated:")
        await run_command(copy, "db", "SELECT id FROM _jots")  # fails if it does not exist
    os.close(terminal)
    os.close(stdin)
