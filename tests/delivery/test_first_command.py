"""The README's first command creates a service that Copier and the `slipway` command update."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.readme.newcomer import FENCE, Newcomer
from tests.harness.workspace import ROOT, git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.thorough, pytest.mark.cleanroom]

SERVER = " && uv run app dev"  # run in the clean room
UPDATES = {
    "copier": "uvx --with copier-template-extensions --with ruff copier update --trust --defaults",
    "slipway": "uv run slipway.py update --no-checks",
}


def first_command() -> str:
    """Return the commands of the README's first block, without the last one, which starts a server."""
    block = FENCE.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block
    creating, served, _ = block["commands"].rpartition(SERVER)
    assert served
    return creating


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    """A clone of the template without tags, as before the first release."""
    git(tmp_path, "clone", "--quiet", "--no-tags", str(template), "clone")
    return tmp_path / "clone"


@pytest.fixture
def newcomer(clone: Path, tmp_path: Path) -> Newcomer:
    """Clone the template and run the README's first command, which creates and commits a service."""
    newcomer = Newcomer(clone, tmp_path / "home")
    newcomer.run(first_command())
    newcomer.directory = tmp_path / "product-api"
    return newcomer


def add_file(clone: Path) -> None:
    """Commit a new file of the template, which every service gets."""
    (clone / "template" / "NEWS.md").write_text("# News\n", encoding="utf-8")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "Add news")


@pytest.mark.parametrize("command", UPDATES.values(), ids=UPDATES)
def test_service_from_first_command_can_be_updated(command: str, newcomer: Newcomer, clone: Path) -> None:
    add_file(clone)
    newcomer.run(command)
    assert (newcomer.directory / "NEWS.md").exists()


def test_first_command_records_template_path(newcomer: Newcomer, clone: Path) -> None:
    recorded = yaml.safe_load((newcomer.directory / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert recorded["_src_path"] == str(clone)
    newcomer.run("uv run slipway.py status")
