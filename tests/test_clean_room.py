"""A newcomer who copies a service and follows its README, word by word, gets what it promises."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.combinations import COMBINATIONS, DEFAULT
from tests.command_line import copier, copying
from tests.newcomer import BASE, Newcomer, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cleanroom

DISK = tempfile.gettempdir()  # where uv can link what it has in its cache, rather than copy it
SERVER = "uv run app dev"
ELSEWHERE = {"docker": "needs an engine", "uvx": "needs a release of the template that others can reach"}


@pytest.fixture(scope="module")
def newcomer(template: Path) -> Iterator[Newcomer]:
    with tempfile.TemporaryDirectory(prefix="slipway-newcomer-", dir=DISK, ignore_cleanup_errors=True) as room:
        service = Path(room) / "service"
        assert copier(*copying(template, service)).returncode == 0
        yield Newcomer(service, Path(room) / "home")


def test_the_readme_is_true(newcomer: Newcomer) -> None:
    typed = commands((newcomer.directory / "README.md").read_text(encoding="utf-8"))
    assert SERVER in typed
    assert "uv run pytest" in typed
    base = ""
    with ExitStack() as servers:
        for command in typed:
            if command.split()[0] in ELSEWHERE:
                continue
            if command == SERVER:
                base = servers.enter_context(newcomer.serving(command))
            else:
                newcomer.types(demanding(BASE.sub(base, command)))


def demanding(command: str) -> str:
    """Let curl end badly when the answer is an error."""
    return re.sub(r"^curl ", "curl --fail-with-body --silent --show-error ", command)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("```sh\nuv run app dev\n\n# then\nuv run pytest\n```\n", ["uv run app dev", "uv run pytest"]),
        ("```console\n$ curl \\\n  here\n```\ntext\n```sh\nls\n```\n", ["curl    here", "ls"]),
        ("```python\nimport app\n```\n`uv run ruff`\n", []),
    ],
)
def test_commands_are_found(page: str, expected: list[str]) -> None:
    assert commands(page) == expected
