"""The commands, as they are typed."""

import asyncio
import json
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from app.__main__ import main
from app.checks import check
from tests.factories import product as factory
from tests.serving import ready

ROOT = Path(__file__).parent.parent
PATIENCE = 30  # seconds


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
    assert json.loads(capsys.readouterr().out)["openapi"].startswith("3.1")


@asynccontextmanager
async def developing(directory: Path, port: int) -> AsyncGenerator[AsyncClient, None]:
    """Run `app dev` on a copy of the service; stop it as Ctrl-C does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "dev", "--port", str(port)),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if told := re.search(rb"http://\S+(?=/docs)", line):
            async with AsyncClient(base_url=told[0].decode()) as client:
                await asyncio.wait_for(ready(client), PATIENCE)
                yield client
            process.send_signal(signal.SIGINT)
            break
    await asyncio.wait_for(process.communicate(), PATIENCE)


@pytest.mark.drill
async def test_development_needs_nothing_and_keeps_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name in ("app", "development", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with developing(tmp_path, port) as client:
            made = await client.post("/api/v1/products", json=factory.payload())
            assert made.status_code == 201
            assert client.base_url.port != port
    async with developing(tmp_path, port) as client:
        assert client.base_url.port == port
        assert (await client.get(made.headers["Location"])).json() == made.json()
