"""The API of this checkout, compared with that of a revision of Git's."""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.settings import ConfigurationError
from development.compatibility.breaking import breaks
from development.compatibility.narrowing import Change

ROOT = Path(__file__).resolve().parent.parent.parent
ACCEPTED = "api-breaks.txt"  # beside pyproject.toml, from the first break that was meant
REASON = " because "
LOCK = "uv.lock"
DESCRIBE = (sys.executable, "-m", "app", "openapi")
DESCRIBE_BY_LOCK = ("uv", "run", "--quiet", "--no-dev", "python", *DESCRIBE[1:])
ELSEWHERE = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}  # they name this checkout's packages


def compare(revision: str) -> int:
    """Tell what clients lose since the commit from which this branch left another.

    An empty name, or one of zeros alone, is how pipelines say that there is no such commit.
    """
    if not revision.strip("0"):
        print("Nothing to compare: no revision before this one is named.")
        return 0
    base = git("merge-base", "--", revision, "HEAD").decode().strip()
    if not git("ls-tree", base, "app/__main__.py"):
        print(f"Nothing to compare: there is no service in {revision}.")
        return 0
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        old = unpacked(base, Path(directory))
        found = breaks(described(old), described(ROOT))
        reasons = dict(line.split(REASON, 1) for line in accepted(ROOT) - accepted(old))
    return told(revision, found, reasons)


def told(revision: str, found: list[Change], reasons: dict[str, str]) -> int:
    """Tell the changes, and what to do where nobody meant them."""
    for change in found:
        reason = reasons.get(change.line)
        print(f"✓ {change.line}{REASON}{reason}" if reason else f"✗ {change}")
    if all(change.line in reasons for change in found):
        print(f"Clients of {revision} lose nothing{' but what is meant to go' if found else ''}.")
        return 0
    print(f"\nClients of {revision} break. Keep what they know, or serve it beside what is new.")
    print(f"What is meant to go stands in {ACCEPTED}: the words before the arrow,{REASON}and why.")
    return 1


def git(*arguments: str) -> bytes:
    """Ask Git; what it says on errors is told.

    Raises:
        ConfigurationError: it does not know what it is asked for.
    """
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if run.returncode:
        message = f"git {' '.join(arguments)}: {run.stderr.decode().strip() or 'no such commit.'}"
        raise ConfigurationError(
            f"{message}\nA clone needs its history for this: git fetch --unshallow"
        )
    return run.stdout


def unpacked(commit: str, directory: Path) -> Path:
    """Lay out the files of a commit."""
    with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", commit))) as archive:
        archive.extractall(directory, filter="data")
    return directory


def described(directory: Path) -> dict[str, Any]:
    """Have a checkout describe its API, by its own packages: what a newer one changes is a change.

    Raises:
        ConfigurationError: it cannot.
    """
    command = DESCRIBE if locked(directory) == locked(ROOT) else DESCRIBE_BY_LOCK
    given = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    given = {"ENVIRONMENT": "development"} | given | {"ENV_FILE": ""}
    run = subprocess.run(command, cwd=directory, env=given, capture_output=True, check=False)
    if run.returncode:
        message = f"{' '.join(command)}, in {directory}: {run.stderr.decode().strip()}"
        raise ConfigurationError(message)
    return dict(json.loads(run.stdout))


def locked(directory: Path) -> bytes:
    """Read which packages a checkout has."""
    file = directory / LOCK
    return file.read_bytes() if file.exists() else b""


def accepted(directory: Path) -> set[str]:
    """Read which changes are meant, each with a reason."""
    file = directory / ACCEPTED
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {line.strip() for line in lines if REASON in line}
