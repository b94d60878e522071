"""Tests of the commands of the service."""

import asyncio
import json
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from httpx2 import AsyncClient

from app import checks
from app.__main__ import main
from app.checks import check
from app.migrate import config
from app.settings import Probe
from tests.support.checkout import copy_checkout, run_command
from tests.support.live_server import output, ready, spawned
from tests.support.timeouts import DEADLINE, PROCESS_DEADLINE

ROUTER = '''
"""Counts requests in a table."""

from fastapi import APIRouter
from sqlalchemy import text

from app.database import Session

router = APIRouter()


@router.post("/jots")
async def jot(session: Session) -> int:
    await session.execute(text("CREATE TABLE IF NOT EXISTS _jots (id INTEGER)"))
    await session.execute(text("INSERT INTO _jots VALUES (1)"))
    return await session.scalar(text("SELECT count(*) FROM _jots")) or 0
'''
REVISION = """
from alembic import op
from migrations import steps

revision, down_revision = "checked", {head!r}


def upgrade():
    op.execute("CREATE TABLE _jots (id INTEGER)")
    op.execute("INSERT INTO _jots VALUES (1)")
    steps.require("_jots", "id > 1")
"""
MODEL = '''
"""A table without a migration."""

from app.models.base import Base, Identified


class Jot(Identified, Base):
    __tablename__ = "_jots"
'''


def test_command_with_invalid_configuration_exits_with_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert main(["openapi"]) == 2
    assert "Invalid configuration:\nLOG_LEVEL: " in capsys.readouterr().err


async def test_check_command_passes_for_valid_configuration(
    shared_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    assert await check() == 0
    assert "✓" in capsys.readouterr().out


async def test_check_command_reports_all_invalid_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("PORT", "no")
    monkeypatch.setenv("ENVIRONMENT", "prod")  # which several classes read
    assert await check() == 1
    errors = capsys.readouterr().err
    for name in ("DATABASE_URL", "ENVIRONMENT", "LOG_LEVEL", "PORT"):
        assert len(re.findall(rf"^✗ {name}: ", errors, re.MULTILINE)) == 1, errors


async def hang() -> None:
    """Wait forever."""
    await asyncio.Event().wait()


async def time_out() -> None:
    """Raise the timeout of a client."""
    raise TimeoutError


@pytest.mark.parametrize(
    ("probe", "reason"),
    [(hang, "no answer within 0.01 seconds"), (time_out, "TimeoutError: no answer in time")],
    ids=["own", "client"],
)
async def test_check_distinguishes_its_timeout_from_that_of_client(
    monkeypatch: pytest.MonkeyPatch, probe: Probe, reason: str
) -> None:
    monkeypatch.setattr(checks, "TIMEOUT", 0.01 if probe is hang else DEADLINE)
    assert await checks.failure(probe) == f"unavailable ({reason})"


async def test_check_command_reports_pending_migrations(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    assert await check() == 1
    assert "app migrate" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_dev_command_rejects_invalid_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dev", "--port", port])
    assert "--port" in capsys.readouterr().err


def test_openapi_command_needs_no_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["openapi"]) == 0
    _, begin, rest = capsys.readouterr().out.partition(
        "{\n"
    )  # lines of the log have no line break after a brace
    assert json.loads(begin + rest)["openapi"].startswith("3.1")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the service's code to a temporary directory, without a configured database."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return copy_checkout(tmp_path)


@asynccontextmanager
async def running_dev(directory: Path, port: int) -> AsyncGenerator[AsyncClient, None]:
    """Run `app dev` in a copy of the service; at the end, stop it by SIGINT (Ctrl-C)."""
    command = (sys.executable, "-m", "app", "dev", "--port", str(port))
    async with spawned(*command, leads_group=True, cwd=directory, stdout=PIPE) as process:
        try:
            url = await asyncio.wait_for(printed_url(process), PROCESS_DEADLINE)
            async with AsyncClient(base_url=url, timeout=DEADLINE) as client:
                await asyncio.wait_for(ready(client, process), PROCESS_DEADLINE)
                yield client
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await output(process)


async def printed_url(process: Process) -> str:
    """Wait until `app dev` prints the URL of the service."""
    assert process.stdout is not None
    async for line in process.stdout:
        if match := re.search(rb"http://\S+(?=/docs)", line):
            return match[0].decode()
    raise EOFError


@pytest.mark.drill
async def test_dev_command_without_configuration_persists_data(copy: Path) -> None:
    (copy / "app" / "routers" / "_jots.py").write_text(ROUTER)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with running_dev(copy, port) as client:
            assert (await client.post("/api/v1/jots")).json() == 1
            assert client.base_url.port != port
    async with running_dev(copy, port) as client:
        assert client.base_url.port == port
        assert (await client.post("/api/v1/jots")).json() == 2


@pytest.mark.parametrize("name", ["migrate", "dev"])
async def test_command_prints_failed_check_of_rows_in_one_line(
    copy: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    revision = REVISION.format(head=ScriptDirectory.from_config(config()).get_current_head())
    (copy / "migrations" / "versions" / "checked.py").write_text(revision)
    app = (sys.executable, "-m", "app", name)
    async with spawned(*app, cwd=copy, stdout=PIPE, stderr=STDOUT) as process:
        text, _ = await output(process)
    lines = text.decode().splitlines()
    assert "Error      _jots: 1 row violates `id > 1`. Change them first" in lines[-1]
    assert "Traceback" not in text.decode()
    assert process.returncode == 1


@pytest.mark.drill
async def test_revision_command_writes_migration_for_new_model(copy: Path) -> None:
    before = set((copy / "migrations" / "versions").glob("*.py"))
    (copy / "app" / "models" / "_jots.py").write_text(MODEL)
    for message in ("Count jots", "Nothing more"):
        await run_command(copy, "revision", message)
    revisions = sorted(set((copy / "migrations" / "versions").glob("*.py")) - before)
    created, empty = [path.read_text() for path in revisions]
    assert 'op.create_table(\n        "_jots",' in created
    assert "op." not in empty
    await run_command(copy, "migrate", "--sql")
