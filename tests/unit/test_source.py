"""The recorded source of the template is a URL or absolute path, which updates find from anywhere."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.source import recorded_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "https://git.example.org/acme/template.git"
IDENTITY = ("-c", "user.name=Harness", "-c", "user.email=harness@example.org")


def git(directory: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *IDENTITY, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return run.stdout.strip()


def commit(directory: Path) -> str:
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "Work")
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a published repository; the test's current directory is the clone."""
    upstream, clone = tmp_path / "upstream", tmp_path / "clone"
    upstream.mkdir()
    git(upstream, "init", "--quiet")
    commit(upstream)
    git(tmp_path, "clone", "--quiet", str(upstream), str(clone))
    git(clone, "remote", "set-url", "origin", URL)
    monkeypatch.chdir(clone)
    return clone


@pytest.mark.parametrize("source", [".", "./", "../clone", "../clone/", "../clone/../clone"])
def test_relative_source_is_recorded_as_origin_url(source: str, clone: Path) -> None:
    assert recorded_source(source, git(clone, "rev-parse", "HEAD")) == URL


@pytest.mark.parametrize(
    ("origin", "recorded"),
    [
        ("git@git.example.org:acme/template.git", "git@git.example.org:acme/template.git"),
        ("ssh://git@git.example.org/template", "git+ssh://git@git.example.org/template"),
        ("https://git.example.org/template/", "git+https://git.example.org/template"),
        ("https://github.com/acme/template", "https://github.com/acme/template"),
        ("https://user:secret@git.example.org/template.git", "https://git.example.org/template.git"),
    ],
)
def test_clone_origin_url_is_recorded_in_copier_syntax(origin: str, recorded: str, clone: Path) -> None:
    """The URL is recorded without credentials, and with `git+` if Copier would not take it for Git."""
    git(clone, "remote", "set-url", "origin", origin)
    assert recorded_source(".", git(clone, "rev-parse", "HEAD")) == recorded


def lacks_commit(clone: Path) -> str:
    return commit(clone)


def is_local(clone: Path) -> str:
    git(clone, "remote", "set-url", "origin", str(clone.parent / "upstream"))
    return git(clone, "rev-parse", "HEAD")


def is_missing(clone: Path) -> str:
    git(clone, "remote", "remove", "origin")
    return git(clone, "rev-parse", "HEAD")


def is_of_unknown_commit(_: Path) -> str:
    return "v1.0.0-3-g0123456"


@pytest.mark.parametrize("prepare", [lacks_commit, is_local, is_missing, is_of_unknown_commit])
def test_clone_with_unusable_origin_is_recorded_as_absolute_path(prepare: Callable[[Path], str], clone: Path) -> None:
    assert recorded_source(".", prepare(clone)) == str(clone)


def test_directory_without_git_is_recorded_as_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path)
    assert recorded_source("plain", "") == str(tmp_path / "plain")


def test_home_directory_in_source_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "template").mkdir()
    assert recorded_source("~/template", "") == str(tmp_path / "template")


@pytest.mark.parametrize("source", [URL, "gh:acme/template", "git@git.example.org:a/b.git", "git+file:///srv/template"])
def test_source_url_is_recorded_unchanged(source: str, clone: Path) -> None:
    assert recorded_source(source, git(clone, "rev-parse", "HEAD")) == source


def test_absolute_source_path_is_recorded_unchanged(clone: Path) -> None:
    assert recorded_source(str(clone), git(clone, "rev-parse", "HEAD")) == str(clone)
