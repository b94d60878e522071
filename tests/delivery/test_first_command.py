"""The README's first command creates a service that Copier and the `template` command update."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.readme.newcomer import FENCE, Newcomer
from tests.harness.workspace import ROOT, commit, git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.thorough, pytest.mark.cleanroom]

SERVER = " && uv run app dev"  # run in the clean room
UPDATES = {
    "copier": "uvx --with copier-template-extensions copier update --trust --defaults",
    "template": "uv run template update --no-checks",
}


def first_command() -> str:
    """Return the README's first block without the server that it starts last."""
    block = FENCE.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block
    creating, served, _ = block["commands"].rpartition(SERVER)
    assert served
    return creating


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", str(template), "clone")
    return tmp_path / "clone"


@pytest.fixture
def newcomer(clone: Path, tmp_path: Path) -> Newcomer:
    """Clone the template, run the README's first command, and commit the service."""
    newcomer = Newcomer(clone, tmp_path / "home")
    newcomer.run(first_command())
    newcomer.directory = tmp_path / "product-api"
    newcomer.run("git init --quiet && git add --all && git commit --quiet --message Start")
    return newcomer


def release(clone: Path) -> None:
    """Publish a release that adds a file to every service."""
    (clone / "template" / "NEWS.md").write_text("# News\n", encoding="utf-8")
    commit(clone, "v1.1.0")


@pytest.mark.parametrize("command", UPDATES.values(), ids=UPDATES)
def test_first_command_service_is_updated(command: str, newcomer: Newcomer, clone: Path) -> None:
    release(clone)
    newcomer.run(command)
    assert (newcomer.directory / "NEWS.md").exists()


def test_first_command_records_template_path(newcomer: Newcomer, clone: Path) -> None:
    recorded = yaml.safe_load((newcomer.directory / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert recorded["_src_path"] == str(clone)
    assert "v1.0.0" in newcomer.run("uv run template status")


def test_relative_source_is_reported(newcomer: Newcomer, clone: Path) -> None:
    """Until 0.4, a relative source was recorded as it was given."""
    record = newcomer.directory / ".copier-answers.yml"
    record.write_text(record.read_text(encoding="utf-8").replace(str(clone), "."), encoding="utf-8")
    newcomer.run("git commit --quiet --all --message Old")
    output = newcomer.run("! uv run template status 2>&1")
    assert ".copier-answers.yml records _src_path: ." in output
    assert "Traceback" not in output
