"""Tests of readable logs: short tracebacks, also in the report of a failing test."""

import asyncio
import io
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest
import structlog
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.logging import LogSettings, configure, write_short_traceback
from app.settings import ROOT
from tests.support import sample_resource
from tests.support.live_server import spawned
from tests.support.timeouts import PROCESS_DEADLINE

FAILING_TEST = """
async def test_list(jot_client, monkeypatch):
    monkeypatch.delattr("tests.support.sample_resource.FILTERS")
    response = await jot_client.get("/jots")
    assert response.status_code == 200
"""
MAX_LINES = 25


def traceback(error: BaseException) -> str:
    """Return the traceback of an exception as it is logged to a console."""
    stream = io.StringIO()
    write_short_traceback(stream, (type(error), error, error.__traceback__))
    return stream.getvalue()


async def test_traceback_of_request_has_only_frames_of_the_service(
    jot_client: AsyncClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(sample_resource, "FILTERS")
    await jot_client.get(sample_resource.URL)
    logs = capsys.readouterr().out
    (frame,) = [line for line in logs.splitlines() if line.startswith("  File ")]
    assert f'File "{sample_resource.__file__}"' in frame
    assert frame.endswith("in list_jots")
    assert logs.count("NameError: name 'FILTERS' is not defined") == 1
    assert "frames of packages and middleware omitted" in logs


async def test_traceback_of_database_error_has_cause_and_raising_frame(
    session: AsyncSession,
) -> None:
    with pytest.raises(DBAPIError) as caught:
        await session.execute(text("SELECT missing_column"))
    lines = traceback(caught.value)
    assert "direct cause" in lines
    assert lines.count("[SQL: SELECT missing_column]") == 1
    own, raising = [line for line in lines.splitlines() if line.startswith("  File ")]
    assert f'File "{__file__}"' in own
    assert "site-packages" in raising


async def test_traceback_of_exception_group_has_its_members() -> None:
    async def fail(reason: str) -> None:
        raise ValueError(reason)

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fail(reason)) for reason in ("first", "second")]
    lines = traceback(caught.value)
    assert all(task.done() for task in tasks)
    assert [lines.count(f"ValueError: {reason}") for reason in ("first", "second")] == [1, 1]


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "is_colored"),
    [(True, "", True), (True, "1", False), (False, "", False)],
)
def test_only_terminals_get_colors_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool, no_color: str, is_colored: bool
) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return is_terminal

    output = Terminal(io.BytesIO())
    with monkeypatch.context() as patch:
        patch.setenv("NO_COLOR", no_color)
        patch.setattr(sys, "stdout", output)
        configure(LogSettings())
        structlog.get_logger().info("started")
    configure(LogSettings())
    output.seek(0)
    assert ("\x1b[" in output.read()) == is_colored


def sections(report: str) -> list[str]:
    """Return the lines about the failed test, from its name to the summary."""
    _, _, failure = report.partition("= FAILURES =")
    return failure.partition("= short test summary")[0].splitlines()[1:]


@pytest.mark.drill
async def test_failing_test_shows_exception_of_the_service_once(
    database_server: str, tmp_path: Path
) -> None:
    module = tmp_path / "test_failing.py"
    module.write_text(FAILING_TEST, encoding="utf-8")
    environment: dict[str, Any] = {**os.environ, "TEST_DATABASE_URL": database_server}
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.conftest")
    options = ("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), str(module))
    async with spawned(*command, *options, env=environment, stdout=PIPE, stderr=STDOUT) as process:
        output, _ = await asyncio.wait_for(process.communicate(), PROCESS_DEADLINE)
    lines = sections(output.decode())
    report = "\n".join(lines)
    assert report.count("NameError: name 'FILTERS' is not defined") == 1, output.decode()
    assert report.count(f'File "{sample_resource.__file__}", line ') == 1
    assert len(lines) <= MAX_LINES
