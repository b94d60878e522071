"""Tests of the command `compare`, which compares the API with the API of a Git revision."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import main
from app.settings import ConfigurationError
from development.compatibility import comparison

PATHS: dict[str, object] = {"/a": {"get": {"responses": {}}}, "/b": {"get": {"responses": {}}}}
OLD = {"paths": PATHS}
LINE = "GET /a was removed"


def git(directory: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, check=True)
    return run.stdout.decode().strip()


def write(directory: Path, description: object) -> None:
    """Write a service that only prints its OpenAPI schema."""
    (directory / "app").mkdir(exist_ok=True)
    (directory / "app" / "__init__.py").touch()  # or the installed package takes precedence
    (directory / "app" / "__main__.py").write_text(f"print({json.dumps(description)!r})")


def commit(directory: Path) -> None:
    git(directory, "add", "--all")
    git(directory, "commit", "--message", "Work")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a Git repository with a branch off main; return its path."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.com")
    monkeypatch.setattr(comparison, "ROOT", tmp_path)
    write(tmp_path, OLD)
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path)
    git(tmp_path, "checkout", "-b", "branch")
    return tmp_path


def accept(directory: Path, line: str) -> None:
    with (directory / "api-breaks.txt").open("a") as file:
        file.write(f"{line}\n")


def test_compare_prints_breaking_change_with_fix(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(checkout, {"paths": {"/b": PATHS["/b"]}})
    assert main(["compare", "main"]) == 1
    printed = capsys.readouterr().out
    assert f"✗ {LINE} → keep it" in printed
    assert "api-breaks.txt" in printed


def test_compare_passes_for_compatible_change(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(checkout, {"paths": PATHS | {"/c": {"get": {"responses": {}}}}})
    assert main(["compare", "main"]) == 0
    assert "No breaking changes since main." in capsys.readouterr().out


def test_compare_ignores_additions_on_main_after_the_branch(checkout: Path) -> None:
    git(checkout, "checkout", "main")
    write(checkout, {"paths": PATHS | {"/c": {"get": {"responses": {}}}}})
    commit(checkout)
    git(checkout, "checkout", "branch")
    assert main(["compare", "main"]) == 0


def test_compare_runs_old_revision_with_its_locked_packages(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    by_lock = (sys.executable, "-c", 'print(\'{"paths": {"/z": {"get": {"responses": {}}}}}\')')
    monkeypatch.setattr(comparison, "DESCRIBE_BY_LOCK", by_lock)
    assert main(["compare", "main"]) == 0
    (checkout / "uv.lock").write_text("version = 1")
    assert main(["compare", "main"]) == 1
    assert "✗ GET /z was removed" in capsys.readouterr().out


def test_accepted_breaking_change_requires_reason(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(checkout, {"paths": {"/b": PATHS["/b"]}})
    accept(checkout, LINE)
    assert main(["compare", "main"]) == 1
    accept(checkout, f"{LINE} because it is unused.")
    assert main(["compare", "main"]) == 0
    assert f"✓ {LINE} because it is unused." in capsys.readouterr().out


def test_acceptance_in_earlier_commit_does_not_apply_again(checkout: Path) -> None:
    accept(checkout, f"{LINE} because it is unused.")
    commit(checkout)
    write(checkout, {"paths": {"/b": PATHS["/b"]}})
    assert main(["compare", "HEAD"]) == 1
    accept(checkout, f"{LINE} because it is still unused.")
    assert main(["compare", "HEAD"]) == 0


@pytest.mark.parametrize("revision", ["", "0" * 40])
def test_compare_on_first_push_passes_without_comparison(
    revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", revision]) == 0
    assert "Nothing to compare" in capsys.readouterr().out


def test_compare_with_revision_without_service_passes(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(checkout, "rm", "-r", "--cached", "app")
    git(checkout, "commit", "--message", "No service")
    assert main(["compare", "HEAD"]) == 0
    assert "no service" in capsys.readouterr().out


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("revision", ["nowhere", "1" * 40, "--all"])
def test_compare_with_unknown_revision_fails(revision: str) -> None:
    with pytest.raises(ConfigurationError, match="git fetch"):
        comparison.compare(revision)


def test_compare_fails_if_openapi_command_fails(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "app" / "__main__.py").write_text("raise SystemExit('Broken.')")
    assert main(["compare", "main"]) == 2
    assert "Broken." in capsys.readouterr().err
