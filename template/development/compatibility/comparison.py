"""Comparison of this checkout's API with the API of a Git revision."""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.settings import CommandError
from development.compatibility.incompatibilities import breaks
from development.compatibility.narrowed_schemas import Change

ROOT = Path(__file__).resolve().parent.parent.parent
ACCEPTED = "api-breaks.txt"  # next to pyproject.toml; lists intended breaking changes
REASON = " because "
LOCK = "uv.lock"
DESCRIBE = (sys.executable, "-m", "app", "openapi")
DESCRIBE_BY_LOCK = ("uv", "run", "--quiet", "--no-dev", "python", *DESCRIBE[1:])
ENVIRONMENTS = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}  # of this checkout


def compare(revision: str) -> int:
    """Print the breaking API changes since the merge base with a revision; return the exit status.

    Pipelines pass an empty name, or zeros, if there is no previous commit.
    """
    if not revision.strip("0"):
        print("Nothing to compare: no previous revision.")
        return 0
    base = git("merge-base", "--", revision, "HEAD").decode().strip()
    if not git("ls-tree", base, "app/__main__.py"):
        print(f"Nothing to compare: no service in {revision}.")
        return 0
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        old = extract(base, Path(directory))
        changes = breaks(describe(old), describe(ROOT))
        reasons = dict(line.split(REASON, 1) for line in accepted(ROOT) - accepted(old))
    return report(revision, changes, reasons)


def report(revision: str, changes: list[Change], reasons: dict[str, str]) -> int:
    """Print the breaking changes; return 1 if one of them is not accepted with a reason."""
    for change in changes:
        reason = reasons.get(change.line)
        print(f"✓ {change.line}{REASON}{reason}" if reason else f"✗ {change}")
    if all(change.line in reasons for change in changes):
        print(f"No {'unaccepted ' if changes else ''}breaking changes since {revision}.")
        return 0
    print(f"\nBreaking changes since {revision}. Keep the old API, or serve it beside the new one.")
    print(f"To accept a change, add to {ACCEPTED}: the text before the arrow,{REASON}the reason.")
    return 1


def git(*arguments: str) -> bytes:
    """Run a Git command and return its output.

    Raises:
        CommandError: Git fails, as for an unknown revision; with its error message.
    """
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if run.returncode:
        message = f"git {' '.join(arguments)}: {run.stderr.decode().strip() or 'no such commit.'}"
        raise CommandError(
            f"{message}\nThe history is required. In a shallow clone: git fetch --unshallow"
        )
    return run.stdout


def extract(commit: str, directory: Path) -> Path:
    """Extract the files of a commit into a directory, and return the directory."""
    with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", commit))) as archive:
        archive.extractall(directory, filter="data")
    return directory


def describe(directory: Path) -> dict[str, Any]:
    """Return a checkout's OpenAPI schema, generated with the packages of the checkout's lock file.

    Raises:
        CommandError: the command fails.
    """
    is_same = lock_file(directory) == lock_file(ROOT)
    command = DESCRIBE if is_same else DESCRIBE_BY_LOCK
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENTS}
    environment = {"ENVIRONMENT": "development"} | environment | {"ENV_FILE": ""}
    run = subprocess.run(command, cwd=directory, env=environment, capture_output=True, check=False)
    if run.returncode:
        message = f"{' '.join(command)}, in {directory}: {run.stderr.decode().strip()}"
        raise CommandError(message)
    return dict(json.loads(run.stdout))


def lock_file(directory: Path) -> bytes:
    """Return the content of a checkout's lock file; empty if there is none."""
    file = directory / LOCK
    return file.read_bytes() if file.exists() else b""


def accepted(directory: Path) -> set[str]:
    """Return the lines of the file of accepted changes, each with its reason."""
    file = directory / ACCEPTED
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {line.strip() for line in lines if REASON in line}
