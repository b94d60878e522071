"""The API of a checkout, compared with that of a revision of Git's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import main
from app.settings import ConfigurationError
from development.compatibility import comparing

PATHS: dict[str, object] = {"/a": {"get": {"responses": {}}}, "/b": {"get": {"responses": {}}}}
OLD = {"paths": PATHS}
LINE = "GET /a is gone"


def git(directory: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, check=True)
    return run.stdout.decode().strip()


def write(directory: Path, description: object) -> None:
    """Write a service of which there is nothing but its description."""
    (directory / "app").mkdir(exist_ok=True)
    (directory / "app" / "__init__.py").touch()  # or the one that is installed is preferred
    (directory / "app" / "__main__.py").write_text(f"print({json.dumps(description)!r})")


def commit(directory: Path) -> None:
    git(directory, "add", "--all")
    git(directory, "commit", "--message", "Work")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository, on a branch that has left main."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.com")
    monkeypatch.setattr(comparing, "ROOT", tmp_path)
    write(tmp_path, OLD)
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path)
    git(tmp_path, "checkout", "-b", "branch")
    return tmp_path


def accept(directory: Path, line: str) -> None:
    with (directory / "api-breaks.txt").open("a") as file:
        file.write(f"{line}\n")


def test_what_is_lost_is_told_with_what_to_do(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(checkout, {"paths": {"/b": PATHS["/b"]}})
    assert main(["compare", "main"]) == 1
    said = capsys.readouterr().out
    assert f"✗ {LINE} → keep it" in said
    assert "api-breaks.txt" in said


def test_what_is_kept_is_well(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(checkout, {"paths": PATHS | {"/c": {"get": {"responses": {}}}}})
    assert main(["compare", "main"]) == 0
    assert "lose nothing." in capsys.readouterr().out


def test_what_another_branch_gained_meanwhile_is_not_lost(checkout: Path) -> None:
    git(checkout, "checkout", "main")
    write(checkout, {"paths": PATHS | {"/c": {"get": {"responses": {}}}}})
    commit(checkout)
    git(checkout, "checkout", "branch")
    assert main(["compare", "main"]) == 0


def test_each_describes_itself_by_its_own_packages(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    by_lock = (sys.executable, "-c", 'print(\'{"paths": {"/z": {"get": {"responses": {}}}}}\')')
    monkeypatch.setattr(comparing, "DESCRIBE_BY_LOCK", by_lock)
    assert main(["compare", "main"]) == 0
    (checkout / "uv.lock").write_text("version = 1")
    assert main(["compare", "main"]) == 1
    assert "✗ GET /z is gone" in capsys.readouterr().out


def test_what_is_meant_to_go_goes_with_a_reason(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(checkout, {"paths": {"/b": PATHS["/b"]}})
    accept(checkout, LINE)
    assert main(["compare", "main"]) == 1
    accept(checkout, f"{LINE} because nobody asks for it.")
    assert main(["compare", "main"]) == 0
    assert f"✓ {LINE} because nobody asks for it." in capsys.readouterr().out


def test_what_went_once_does_not_go_again_for_the_same_reason(checkout: Path) -> None:
    accept(checkout, f"{LINE} because nobody asks for it.")
    commit(checkout)
    write(checkout, {"paths": {"/b": PATHS["/b"]}})
    assert main(["compare", "HEAD"]) == 1
    accept(checkout, f"{LINE} because nobody asks for it any more.")
    assert main(["compare", "HEAD"]) == 0


@pytest.mark.parametrize("revision", ["", "0" * 40])
def test_a_first_push_has_nothing_to_be_compared_with(
    revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", revision]) == 0
    assert "Nothing to compare" in capsys.readouterr().out


def test_a_service_is_not_compared_with_what_was_none(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(checkout, "rm", "-r", "--cached", "app")
    git(checkout, "commit", "--message", "No service")
    assert main(["compare", "HEAD"]) == 0
    assert "no service" in capsys.readouterr().out


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("revision", ["nowhere", "1" * 40, "--all"])
def test_a_revision_that_is_not_here_is_an_error(revision: str) -> None:
    with pytest.raises(ConfigurationError, match="git fetch"):
        comparing.compare(revision)


def test_a_service_that_cannot_describe_itself_is_an_error(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "app" / "__main__.py").write_text("raise SystemExit('Broken.')")
    assert main(["compare", "main"]) == 2
    assert "Broken." in capsys.readouterr().err
