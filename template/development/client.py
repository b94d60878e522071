"""Clients of the API, which maintained generators write from the OpenAPI schema."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from app.settings import CommandError
from development.compatibility.comparison import ROOT, describe

SCHEMA = "openapi.json"
OUTPUT = "client"
MARK = "GENERATED"  # a file of each generated directory
PROGRAMS = {
    "python": ("uv", "tool", "run", "openapi-python-client==0.29.1"),
    "typescript": (
        *("npx", "--yes", "--package=@hey-api/openapi-ts@0.99.0", "--package=typescript@5.9.3"),
        *("--", "openapi-ts"),
    ),
}
OPTIONS = {
    "python": (
        *("generate", "--path", SCHEMA, "--output-path", OUTPUT, "--meta", "uv"),
        *("--config", "config.json", "--fail-on-warning"),
    ),
    "typescript": ("--input", SCHEMA, "--output", OUTPUT, "--client", "@hey-api/client-fetch"),
}
CONFIG = {"literal_enums": True}  # else `-price` is `VALUE_1`
INSTALL = {
    "uv": "uv is not installed: see https://docs.astral.sh/uv/.",
    "npx": "npx is not installed: install Node.js 22 or later.",
}


def generate(language: str, directory: Path) -> int:
    """Write a client in `python` or `typescript` to a directory, and return the exit status.

    The previous client in the directory is replaced, once the generator has succeeded.

    Raises:
        CommandError: the generator cannot run, or the directory has other content.
    """
    program = PROGRAMS[language]
    directory = directory.resolve()
    _check(directory)
    if shutil.which(program[0]) is None:
        raise CommandError(INSTALL[program[0]])
    schema = describe(ROOT)
    number = sum(len(path) for path in schema["paths"].values())
    print(f"{schema['info']['title']} has {number} operations.")
    print(f"Running {' '.join(program)} …", flush=True)
    with TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / SCHEMA).write_text(json.dumps(schema), encoding="utf-8")
        (place / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        if subprocess.run([*program, *OPTIONS[language]], cwd=place, check=False).returncode:
            message = f"{program[0]} failed, so {directory} is unchanged: see the output above."
            raise CommandError(message)
        shutil.rmtree(place / OUTPUT / ".ruff_cache", ignore_errors=True)
        mark = f"Do not edit: `app client {language}` replaces this directory.\n"
        (place / OUTPUT / MARK).write_text(mark, encoding="utf-8")
        if directory.exists():
            shutil.rmtree(directory)
        directory.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(place / OUTPUT, directory)
    print(f"Wrote {directory}.")
    return 0


def _check(directory: Path) -> None:
    """Reject a directory that contains anything but a generated client."""
    is_file = directory.exists() and not directory.is_dir()
    is_free = not directory.exists() or (directory / MARK).exists()
    if is_file or (not is_free and any(directory.iterdir())):
        problem = "is a file" if is_file else "contains other files"
        message = f"{directory} {problem}. Choose a new or empty directory."
        raise CommandError(message)
    parent = next(each for each in directory.parents if each.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        message = f"{parent} is not a directory that you may write to. Choose another one."
        raise CommandError(message)
