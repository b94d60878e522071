"""Tests of the command `client`, which generates clients of the API."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.__main__ import main
from development import client

WRITE = "from pathlib import Path; Path('client').mkdir(); Path('client/new.py').touch()"


@pytest.fixture
def stub(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the generator of Python clients by one that writes an empty module."""
    monkeypatch.setattr(client, "describe", lambda _: app.openapi())
    monkeypatch.setitem(client.PROGRAMS, "python", (sys.executable, "-c", WRITE))


@pytest.mark.usefixtures("stub")
def test_client_is_written_to_new_directory(tmp_path: Path) -> None:
    directory = tmp_path / "clients" / "python"
    assert main(["client", "python", str(directory)]) == 0
    assert {path.name for path in directory.iterdir()} == {"GENERATED", "new.py"}


@pytest.mark.usefixtures("stub")
def test_client_replaces_previous_client(tmp_path: Path) -> None:
    (tmp_path / "GENERATED").touch()
    (tmp_path / "old.py").touch()
    assert main(["client", "python", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"GENERATED", "new.py"}


@pytest.mark.usefixtures("stub")
def test_directory_with_other_files_is_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").touch()
    assert main(["client", "python", str(tmp_path)]) == 2
    assert "Choose a new or empty directory." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.usefixtures("stub")
def test_file_is_rejected_as_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["client", "python", str(file)]) == 2
    assert f"{file} is a file. Choose a new or empty directory." in capsys.readouterr().err


@pytest.mark.usefixtures("stub")
def test_directory_below_file_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["client", "python", str(file / "client")]) == 2
    assert f"{file} is not a directory that you may write to." in capsys.readouterr().err


@pytest.mark.usefixtures("stub")
def test_client_of_link_replaces_content_of_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir()
    link.symlink_to(target)
    assert main(["client", "python", str(link)]) == 0
    assert link.is_symlink()
    assert {path.name for path in target.iterdir()} == {"GENERATED", "new.py"}


@pytest.mark.usefixtures("stub")
def test_failed_generator_leaves_previous_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(client.PROGRAMS, "python", (sys.executable, "-c", f"{WRITE}; exit(1)"))
    (tmp_path / "GENERATED").touch()
    assert main(["client", "python", str(tmp_path)]) == 2
    assert f"{tmp_path} is unchanged" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["GENERATED"]


@pytest.mark.parametrize(
    ("language", "fix"),
    [("python", "https://docs.astral.sh/uv"), ("typescript", "install Node.js 22 or later")],
)
def test_missing_generator_is_reported_with_fix(
    language: str,
    fix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["client", language, str(tmp_path / "new")]) == 2
    assert fix in capsys.readouterr().err


@pytest.mark.drill
@pytest.mark.parametrize(
    ("language", "modules", "operation"),
    [
        ("python", "*/api/*/*.py", "def _get_kwargs("),
        ("typescript", "sdk.gen.ts", "<ThrowOnError extends boolean = false>(options"),
    ],
    ids=["python", "typescript"],
)
def test_generated_client_has_all_operations(
    language: str, modules: str, operation: str, app: FastAPI, tmp_path: Path
) -> None:
    try:
        subprocess.run([*client.PROGRAMS[language], "--version"], cwd=tmp_path, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("The generator is not installed, and cannot be downloaded.")
    directory = tmp_path / "client"
    assert main(["client", language, str(directory)]) == 0
    code = "".join(path.read_text(encoding="utf-8") for path in directory.glob(modules))
    assert code.count(operation) == sum(len(path) for path in app.openapi()["paths"].values())
