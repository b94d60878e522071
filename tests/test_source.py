"""The source that a service records leads back to its template, from any directory and, if possible, any machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from extensions.sources import lasting_source
from tests.harness.command_line import copier
from tests.harness.scratch import RELEASE, commit, git

if TYPE_CHECKING:
    from pathlib import Path

TAG = "v1.0.0"
URL = "https://git.example.com/acme/standard.git"


@pytest.fixture
def clone(workspace: Path, tmp_path: Path) -> Path:  # noqa: ARG001 - Git's settings are the workspace's
    """A clone whose `origin` has all of its commits."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    (origin / "copier.yml").write_text("{}\n", encoding="utf-8")
    commit(origin, TAG)
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    return clone


def with_origin(clone: Path, url: str) -> Path:
    git(clone, "remote", "set-url", "origin", url)
    return clone


def commit_locally(clone: Path) -> str:
    """Commit what `origin` does not have, and describe it as Copier does."""
    git(clone, "commit", "--allow-empty", "--message", "Work")
    return git(clone, "describe", "--tags", "--always").strip()


@pytest.mark.parametrize("source", [".", "./", "../clone", "../clone/", "{clone}", "{clone}/", "~/clone", "../link"])
def test_local_source_is_recorded_as_absolute_path(
    source: str, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(clone)
    assert lasting_source(source.format(clone=clone), TAG) == str(clone)


@pytest.mark.parametrize(
    "source",
    [
        URL,
        "gh:acme/standard",
        "gl:acme/standard.git",
        "git@git.example.com:acme/standard.git",
        "git+https://git.example.com/acme/standard",
        "git+file:///srv/standard",
        "file:///srv/standard.git",
        "missing",
    ],
)
def test_source_that_is_no_local_path_is_unchanged(source: str, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    assert lasting_source(source, TAG) == source


@pytest.mark.parametrize(
    ("origin", "recorded"),
    [
        (URL, URL),
        ("https://git.example.com/acme/standard", "git+https://git.example.com/acme/standard"),
        ("https://github.com/acme/standard/", "https://github.com/acme/standard"),
        ("https://ci:secret@git.example.com/acme/standard.git", URL),
        ("git@git.example.com:acme/standard", "git@git.example.com:acme/standard"),
        ("acme@git.example.com:standard", "git+acme@git.example.com:standard"),
        ("ssh://git@git.example.com/acme/standard", "git+ssh://git@git.example.com/acme/standard"),
    ],
)
def test_remote_origin_with_the_commit_is_recorded(origin: str, recorded: str, clone: Path) -> None:
    assert lasting_source(str(with_origin(clone, origin)), TAG) == recorded


@pytest.mark.parametrize("origin", ["../origin", "/srv/standard.git", "file:///srv/standard.git"])
def test_local_origin_is_not_recorded(origin: str, clone: Path) -> None:
    assert lasting_source(str(with_origin(clone, origin)), TAG) == str(clone)


def test_commit_that_origin_lacks_records_the_path(clone: Path) -> None:
    local = commit_locally(with_origin(clone, URL))
    assert local.startswith(f"{TAG}-1-g")
    assert lasting_source(str(clone), local) == str(clone)


def test_commit_that_origin_has_records_the_url(clone: Path) -> None:
    described = commit_locally(clone)
    git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/work")
    assert lasting_source(str(with_origin(clone, URL)), described) == URL


def test_unknown_commit_records_the_path(clone: Path) -> None:
    """Such as that of uncommitted changes, which Copier makes in a clone of its own."""
    assert lasting_source(str(with_origin(clone, URL)), "v1.0.0-1-g0123456") == str(clone)


def test_directory_inside_a_repository_is_recorded_as_path(clone: Path) -> None:
    """Copier records no commit of it."""
    (with_origin(clone, URL) / "inner").mkdir()
    assert lasting_source(str(clone / "inner"), None) == str(clone / "inner")


def test_directory_without_git_is_recorded_as_path(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(clone / ".git")
    assert lasting_source(str(clone), TAG) == str(clone)
    monkeypatch.chdir(clone)
    assert lasting_source(".", None) == str(clone)


def test_machine_without_git_records_the_path(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_origin(clone, URL)
    monkeypatch.setenv("PATH", "")
    assert lasting_source(str(clone), TAG) == str(clone)


def test_bundle_is_recorded_as_absolute_path(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone.parent)
    git(clone, "bundle", "create", "--quiet", "../standard.bundle", "HEAD")
    assert lasting_source("standard.bundle", TAG) == str(clone.parent / "standard.bundle")


def test_command_line_records_a_relative_source_as_path(template: Path, tmp_path: Path) -> None:
    service = tmp_path / "service"
    copied = copier("copy", "--trust", "--defaults", ".", str(service), directory=template)
    assert copied.returncode == 0, copied.stderr
    record = yaml.safe_load((service / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (record["_src_path"], record["_commit"]) == (str(template), RELEASE)
