"""`slipway new` records the same template source as Copier with the template's extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.source import recorded_source as by_extension
from slipway.source.origin import readable_source, recorded_source
from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://git.example.org/acme/template"
IDENTITY = ("-c", "user.name=Harness", "-c", "user.email=harness@example.org")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a published repository; the test's current directory is the clone."""
    git(tmp_path, "init", "--quiet", "upstream")
    git(tmp_path / "upstream", *IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "Work")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "upstream"), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("origin", [URL, f"{URL}.git", "git@host:acme/template", "https://a:b@host/x", "../upstream"])
@pytest.mark.parametrize("source", [".", "../clone", "{}", "gh:acme/template", "git@host:acme/template.git"])
def test_recorded_source_equals_source_from_template_extension(source: str, origin: str, clone: Path) -> None:
    git(clone, "remote", "set-url", "origin", origin)
    commit = git(clone, "rev-parse", "HEAD").strip()
    assert recorded_source(source.format(clone), commit) == by_extension(source.format(clone), commit)


def test_installed_clone_is_recorded_as_origin_url(clone: Path) -> None:
    git(clone, "remote", "set-url", "origin", URL)
    commit = git(clone, "rev-parse", "HEAD").strip()
    assert recorded_source(str(clone), commit, is_installed=True) == f"git+{URL}"
    assert recorded_source(str(clone), "0" * 40, is_installed=True) == str(clone)


@pytest.mark.parametrize(
    ("source", "recorded"),
    [
        (URL, f"git+{URL}"),
        ("https://user:secret@host/x.git", "https://host/x.git"),
        ("ssh://git@host/x", "git+ssh://git@host/x"),
        (f"git+{URL}", f"git+{URL}"),
    ],
)
def test_source_url_is_recorded_in_copier_syntax(source: str, recorded: str) -> None:
    assert recorded_source(source, "") == recorded


@pytest.mark.parametrize("source", ["{}", "file://{}", "git+file://{}", "../clone"])
def test_source_directory_is_resolved_to_absolute_path(source: str, clone: Path) -> None:
    assert readable_source(source.format(clone)) == str(clone)
    assert readable_source(URL) == URL
