"""The template under test: a repository with a committed and tagged copy of the work tree.

Copier renders committed files only, and records the commit in every service. The copy keeps commits of the harness
out of the tested repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import plumbum
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = ROOT / "template"
CACHE = ROOT / ".cache"  # results, formatted modules and other files of earlier runs
MEMORY = Path("/dev/shm")  # noqa: S108 - the parent of a temporary directory
MIN_FREE = 2**30  # bytes; databases of the services' suites need memory too
RENDERS = {"copier.yml", "extensions", "org", "releases.toml", "slipway", "template", "updates"}
EARLIER, RELEASE = "v0.9.0", "v1.0.0"

GIT_CONFIG = """\
[user]
    name = Harness
    email = harness@example.org
[init]
    defaultBranch = main
    templateDir =
[core]
    fsync = none
    compression = 0
    hooksPath = /dev/null
[commit]
    gpgsign = false
[gc]
    auto = 0
[maintenance]
    auto = false
"""


@contextmanager
def workspace() -> Iterator[Path]:
    """Yield a temporary directory, which is in memory if enough memory is free."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MIN_FREE
    with tempfile.TemporaryDirectory(prefix="slipway-", dir=MEMORY if roomy else None) as directory:
        yield Path(directory)


@contextmanager
def isolation(directory: Path) -> Iterator[None]:
    """Make Git and Copier ignore the user's settings, and put temporary files into `directory`."""
    (directory / "gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
    (directory / "settings.yml").write_text("{}\n", encoding="utf-8")
    variables = {
        "GIT_CONFIG_GLOBAL": str(directory / "gitconfig"),
        "SLIPWAY_CACHE_DIR": str(directory / "cache"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "COPIER_SETTINGS_PATH": str(directory / "settings.yml"),
        "TMPDIR": str(directory),
    }
    # Copier starts Git with plumbum, which has its own copy of the environment.
    with pytest.MonkeyPatch.context() as patch, plumbum.local.env(**variables):
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(tempfile, "tempdir", str(directory))
        yield


def git(directory: Path, *arguments: str) -> str:
    """Run Git in `directory`, and return its output.

    An error has Git's standard error as a note.
    """
    command = ["git", "-c", "safe.directory=*", *arguments]
    try:
        return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise


def commit(directory: Path, tag: str) -> None:
    """Commit and tag all files of `directory` in a new repository."""
    git(directory, "init")
    git(directory, "add", "--all")
    git(directory, "commit", "--message", tag)
    git(directory, "tag", tag)


def work_tree() -> list[Path]:
    """Return the paths of all files in the work tree that Git does not ignore."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    return sorted(Path(name) for name in set(listed) if os.path.lexists(ROOT / name) and not (ROOT / name).is_dir())


def template_files() -> dict[str, Path]:
    """Return the files below `template/`, keyed by their relative path."""
    paths = [ROOT / path for path in work_tree()]
    return {path.relative_to(TEMPLATE).as_posix(): path for path in paths if path.is_relative_to(TEMPLATE)}


def template_digest() -> str:
    """Return a digest of all repository files that affect rendered or updated services."""
    digest = hashlib.sha256()
    for path in work_tree():
        if path.parts[0] in RENDERS:
            digest.update(repr((path, os.access(ROOT / path, os.X_OK))).encode() + (ROOT / path).read_bytes())
    return digest.hexdigest()


def copy_work_tree(destination: Path) -> None:
    for path in work_tree():
        (destination / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, destination / path, follow_symlinks=False)


def make_earlier(directory: Path) -> None:
    """Add a question and change files of a template copy, to imitate an earlier release."""
    questions = directory / "copier.yml"
    questions.write_text(
        "colour: {type: str, default: red}\n" + questions.read_text(encoding="utf-8"), encoding="utf-8"
    )
    (directory / "template" / "colour.txt.jinja").write_text("{{ colour }}\n", encoding="utf-8")
    (directory / "template" / ".gitattributes").unlink()
    with (directory / "template" / "ruff.toml").open("a", encoding="utf-8") as style:
        style.write("# This line will go.\n")


def release(directory: Path) -> None:
    """Create a template repository with an earlier release, and the work tree as the later one."""
    copy_work_tree(directory)
    make_earlier(directory)
    commit(directory, EARLIER)
    git(directory, "rm", "-rf", ".")
    copy_work_tree(directory)
    commit(directory, RELEASE)
