"""Formatting of rendered Python: unused imports removed, imports sorted, and ruff's style, as the service has it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from copier.errors import UserMessageError
from jinja2 import pass_context
from packaging.requirements import Requirement

from .questionnaire import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2.runtime import Context

CONFIG = ROOT / "template" / "ruff.toml"
REQUIREMENT = "ruff>=0.17.5,<0.18"  # as services require it
MISSING = f"{REQUIREMENT} formats the service, and is missing: add --with '{REQUIREMENT}' to uvx."
# Else an import that was split before its unused names were removed would stay split.
JOINED = "lint.isort.split-on-trailing-comma = false"
ALL = "respect-gitignore = false"
# Prints where uv has installed ruff.
LOCATE = "import ruff; print(ruff.find_ruff_bin())"


def output(*command: str) -> str:
    """Return what a command prints; nothing if it fails or does not exist."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def is_accepted(path: str) -> bool:
    """Return whether a program is ruff of a version that formats as services do."""
    _, _, version = output(path, "--version").partition("ruff ")
    return bool(version) and version in Requirement(REQUIREMENT).specifier


@cache
def find_ruff() -> str:
    """Return the path of ruff: beside Copier, on the PATH, or installed by uv.

    Raises:
        UserMessageError: there is none of an accepted version.
    """
    beside = str(Path(sys.executable).with_name("ruff"))
    for path in filter(None, map(shutil.which, (beside, "ruff"))):
        if is_accepted(path):
            return path
    if path := output("uv", "tool", "run", "--quiet", "--from", REQUIREMENT, "python", "-c", LOCATE):
        return path
    raise UserMessageError(MISSING)


def run(directory: str, *arguments: str) -> None:
    """Run ruff on a directory with the service's `ruff.toml`; other directories decide nothing."""
    command = [find_ruff(), *arguments, "--no-cache", "--config", str(CONFIG), "--config", JOINED, "--config", ALL, "."]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, encoding="utf-8", check=False)
    if result.returncode:
        raise UserMessageError(f"ruff {arguments[0]}: {result.stderr.strip()}")


def format_modules(sources: Iterable[str]) -> dict[str, str]:
    """Return the formatted text of each module, by its source.

    Raises:
        UserMessageError: a module has a syntax error, or `ruff.toml` a mistake.
    """
    with TemporaryDirectory(prefix="slipway-") as directory:
        files = {source: Path(directory, f"{number}.py") for number, source in enumerate(dict.fromkeys(sources))}
        for source, file in files.items():
            file.write_text(source, encoding="utf-8")
        run(directory, "check", "--select", "I,F401", "--fix", "--exit-zero")
        run(directory, "format")
        return {source: file.read_text(encoding="utf-8") for source, file in files.items()}


FORMATTED: dict[str, str] = {}  # modules by their source
UNFORMATTED = "_unformatted"  # the variable that asks for the source of a module


@pass_context
def module(context: Context, source: str) -> str:
    """Format the module that a file renders, and imports more than some services use.

    Those that it renders for other resources are formatted along, because ruff takes longer to start than to format.
    """
    if UNFORMATTED in context:
        return source
    if source not in FORMATTED:
        FORMATTED.update(format_modules([source, *renderings(context)]))
    return FORMATTED[source]


def renderings(context: Context) -> list[str]:
    """Render the file for every resource, if it is one that exists once per resource."""
    if "resource" not in context or not context.name:
        return []
    template = context.environment.get_template(context.name)
    values = context.get_all() | {UNFORMATTED: True}
    return [template.render(values | {"resource": each}) for each in context["plan"]["resources"]]
