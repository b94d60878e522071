"""A newcomer who copies a service and follows its README, word by word, gets what it promises."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.command_line import copier, copying
from tests.harness.newcomer import BASE, Newcomer, checks, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK = tempfile.gettempdir()  # where uv can link what it has in its cache, rather than copy it
SERVER = "uv run app dev"
UPDATE = "uvx --with copier-template-extensions copier update"
COMMIT = "git add --all && git commit --message Work"
ENGINE = "docker "  # there is none here


@pytest.fixture
def newcomer(template: Path) -> Iterator[Newcomer]:
    with tempfile.TemporaryDirectory(prefix="slipway-newcomer-", dir=DISK, ignore_cleanup_errors=True) as room:
        service = Path(room) / "service"
        assert copier(*copying(template, service)).returncode == 0
        yield Newcomer(service, Path(room) / "home")


def in_order(typed: list[str]) -> list[str]:
    """Leave out what this machine cannot do; a command that comes twice is run where it comes last."""
    here = [command for command in typed if not command.startswith(ENGINE)]
    return [command for place, command in enumerate(here) if command not in here[place + 1 :]]


def in_place(command: str, base: str) -> str:
    """Ask the server that runs, let curl end badly when it answers with an error, and press Enter at each question."""
    command = re.sub(r"^curl ", "curl --fail-with-body --silent --show-error ", BASE.sub(base, command))
    return f"{command} --defaults" if command.startswith(UPDATE) else command


def follow(newcomer: Newcomer, typed: list[str]) -> None:
    """Type one command after the other; a server goes on while the next ones are typed, and they find it."""
    base = ""
    with ExitStack() as servers:
        for command in typed:
            if command == SERVER:
                base = servers.enter_context(newcomer.serving(command))
                continue
            if command.startswith(UPDATE):  # of a clean working tree, as the page says
                newcomer.types(COMMIT)
            newcomer.types(in_place(command, base))


@pytest.mark.cleanroom
def test_the_readme_is_true(newcomer: Newcomer) -> None:
    page = (newcomer.directory / "README.md").read_text(encoding="utf-8")
    assert {SERVER, "uv run pytest", f"{UPDATE} --trust --skip-answered"} <= set(commands(page))
    assert len(checks(page)) >= 4
    follow(newcomer, in_order(commands(page)))
    newcomer.types("git add --all")
    follow(newcomer, checks(page))
    newcomer.types("git diff --exit-code")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("```sh\nuv run app dev\n\n# then\nuv run pytest\n```\n", ["uv run app dev", "uv run pytest"]),
        ("```sh\nuv sync && uv run pytest\n```\n", ["uv sync", "uv run pytest"]),
        ("```console\n$ curl \\\n  here\n```\ntext\n```sh\nls\n```\n", ["curl    here", "ls"]),
        ("```python\nimport app\n```\n`uv run ruff`\n", []),
    ],
    ids=["lines", "chained", "continued", "others"],
)
def test_commands_are_found(page: str, expected: list[str]) -> None:
    assert commands(page) == expected


def test_checks_are_found() -> None:
    page = "| `uv run ruff check` | Lints |\n| `uv run app dev` | Serves |\n| `uv run pytest -n 2` | Tests |\n"
    assert checks(page) == ["uv run ruff check"]


def test_the_order_is_kept() -> None:
    assert in_order(["a", "b", "docker build .", "c", "a"]) == ["b", "c", "a"]
