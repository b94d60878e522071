"""The commands, as they are typed."""

import asyncio
import json
import re
import shutil
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from app.__main__ import main
from app.checks import check
from tests.support.live_server import output, ready, spawned
from tests.support.timeouts import DEADLINE, PROCESS_DEADLINE

ROOT = Path(__file__).parent.parent

ROUTER = '''
"""Jots, counted."""

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
MODEL = '''
"""Jots, counted."""

from app.models.base import Base, Identified


class Jot(Identified, Base):
    __tablename__ = "_jots"
'''


def test_the_configuration_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert main(["openapi"]) == 2
    assert "LOG_LEVEL" in capsys.readouterr().err


async def test_check_finds_nothing_wrong_where_nothing_is(
    shared_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    assert await check() == 0
    assert "✓" in capsys.readouterr().out


async def test_check_tells_all_that_is_wrong_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("PORT", "no")
    assert await check() == 1
    said = capsys.readouterr().err
    for name in ("DATABASE_URL", "LOG_LEVEL", "PORT"):
        assert re.search(rf"^✗ {name}: ", said, re.MULTILINE), said


async def test_check_tells_that_the_database_is_behind(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    assert await check() == 1
    assert "app migrate" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["0", "65536", "http"])
def test_a_port_that_is_none_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dev", "--port", given])
    assert "--port" in capsys.readouterr().err


def test_the_description_is_printed_without_a_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["openapi"]) == 0
    _, begin, rest = capsys.readouterr().out.partition("{\n")  # the log's lines go on after a brace
    assert json.loads(begin + rest)["openapi"].startswith("3.1")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the service to where it may be changed, and name no database."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name in ("app", "development", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@asynccontextmanager
async def developing(directory: Path, port: int) -> AsyncGenerator[AsyncClient, None]:
    """Run `app dev` on a copy of the service; stop it, and its servers, as Ctrl-C does."""
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
    """Wait until `app dev` prints where the service is."""
    assert process.stdout is not None
    async for line in process.stdout:
        if found := re.search(rb"http://\S+(?=/docs)", line):
            return found[0].decode()
    raise EOFError


@pytest.mark.drill
async def test_development_needs_nothing_and_keeps_its_data(copy: Path) -> None:
    (copy / "app" / "routers" / "_jots.py").write_text(ROUTER)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with developing(copy, port) as client:
            assert (await client.post("/api/v1/jots")).json() == 1
            assert client.base_url.port != port
    async with developing(copy, port) as client:
        assert client.base_url.port == port
        assert (await client.post("/api/v1/jots")).json() == 2


async def command(directory: Path, *arguments: str) -> str:
    """Run a command in a copy of the service, and give what it says."""
    app = (sys.executable, "-m", "app", *arguments)
    streams = {"stdout": PIPE, "stderr": STDOUT}
    async with spawned(*app, leads_group=True, cwd=directory, **streams) as process:
        told, _ = await output(process)
    assert process.returncode == 0, told.decode()
    return told.decode()


@pytest.mark.drill
async def test_a_revision_says_what_a_model_asks_for(copy: Path) -> None:
    known = set((copy / "migrations" / "versions").glob("*.py"))
    (copy / "app" / "models" / "_jots.py").write_text(MODEL)
    for message in ("Count jots", "Nothing more"):
        await command(copy, "revision", message)
    written = sorted(set((copy / "migrations" / "versions").glob("*.py")) - known)
    counted, nothing = [path.read_text() for path in written]
    assert 'op.create_table(\n        "_jots",' in counted
    assert "op." not in nothing
    await command(copy, "migrate", "--sql")
