"""Run Git commands, and convert their failures to `CommandError`."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from slipway.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OLDEST = (2, 38)  # `git merge-tree --write-tree`
INHERITED = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE")  # set by Git for hooks
FULL = re.compile(r"^.*(?:No space left|Out of diskspace|Disk quota exceeded).*$", re.MULTILINE)
WITHOUT_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def run_git(
    directory: Path, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run Git in a directory, and return the exit code, standard output and standard error."""
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=directory,
            env=os.environ | {"LC_ALL": "C"} | dict(env or {}),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandError(
            "Git is not installed, or the directory does not exist: install Git 2.38 or later."
        ) from error


def git(directory: Path, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run Git, and return its standard output; raise `CommandError` if it fails.

    Raises:
        CommandError: Git failed; the message ends with its standard error.
    """
    done = run_git(directory, *arguments, stdin=stdin, env=env)
    if done.returncode:
        raise failure(arguments, done)
    return done.stdout.decode(errors="surrogateescape")


def failure(arguments: tuple[str, ...], done: subprocess.CompletedProcess[bytes]) -> CommandError:
    """Return the error of a failed Git command, with a special message for a full disk."""
    output = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
    if full := FULL.search(output):
        return CommandError(f"No space left on device: {full[0].strip()}. Free some, and run the command again.")
    command = next((each for each in arguments if not each.startswith("-") and "=" not in each), "")
    return CommandError(f"`git {command}` failed: {output}")


def query(directory: Path, *arguments: str) -> bytes | None:
    """Run Git, and return its standard output; return None if it fails."""
    done = run_git(directory, *arguments)
    return done.stdout if done.returncode == 0 else None


def names(output: str) -> list[str]:
    """Split the NUL-terminated paths that Git prints with `-z`."""
    return [name for name in output.split("\0") if name]


def require_version() -> None:
    """Raise `CommandError` if Git is too old for `merge-tree --write-tree`."""
    from pathlib import Path  # noqa: PLC0415

    text = git(Path(), "version")
    version = tuple(int(part) for part in text.split()[2].split(".")[:2])
    if version < OLDEST:
        raise CommandError(f"Git {text.split()[2]} is too old: install Git 2.38 or later.")


def ignore_inherited() -> None:
    """Unset variables such as `GIT_DIR`, which would make Git use another repository.

    Git sets them for hooks, in which `slipway` may run.
    """
    for name in INHERITED:
        os.environ.pop(name, None)
