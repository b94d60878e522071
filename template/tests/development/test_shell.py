"""Tests of the Python prompt."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from app import routers
from development.shell import modules_of, service_modules
from tests.support.live_server import output, spawned
from tests.support.timeouts import PROCESS_DEADLINE

PROGRAM = "print('rows', await session.scalar(select(1)), app.title)\n"


def test_services_have_names_of_routers() -> None:
    modules = service_modules()
    imported = [vars(router).items() for router in modules_of(routers)]
    names = {name for items in imported for name, value in items if value in modules.values()}
    assert names <= modules.keys()


@pytest.mark.drill
async def test_program_on_standard_input_may_await(database_url: str, tmp_path: Path) -> None:
    _ = database_url
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with program.open() as stdin:
        command = (sys.executable, "-m", "app", "shell")
        async with spawned(*command, stdin=stdin, stdout=PIPE, stderr=PIPE) as process:
            text, errors = await output(process)
    assert process.returncode == 0, errors.decode()
    assert "rows 1" in text.decode()


@pytest.mark.drill
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
async def test_prompt_in_terminal_awaits(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    command = (sys.executable, "-m", "app", "shell")
    async with (
        asyncio.timeout(PROCESS_DEADLINE),
        spawned(*command, stdin=theirs, stdout=theirs, stderr=theirs),
    ):
        os.close(theirs)
        terminal = await reader_of(ours)
        await terminal.readuntil(b">>>")
        os.write(ours, PROGRAM.strip().encode() + b"\r")
        await terminal.readuntil(b"rows 1")


async def reader_of(terminal: int) -> asyncio.StreamReader:
    """Return a reader of the output of a terminal."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(terminal, "rb", buffering=0)
    )
    return reader
