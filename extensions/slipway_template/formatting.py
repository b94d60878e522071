"""Format rendered modules with ruff and the service's `ruff.toml`, after removing unused imports."""

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
# Otherwise the magic trailing comma keeps an import split after its unused names are removed.
JOINED = "lint.isort.split-on-trailing-comma = false"
ALL = "respect-gitignore = false"
# Prints the path of the ruff that uv installed.
LOCATE = "import ruff; print(ruff.find_ruff_bin())"


def output(*command: str) -> str:
    """Run a command, and return its standard output; empty if it fails or is not installed."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def is_accepted(path: str) -> bool:
    """Return whether a program is ruff in a version that `REQUIREMENT` allows."""
    _, _, version = output(path, "--version").partition("ruff ")
    return bool(version) and version in Requirement(REQUIREMENT).specifier


@cache
def find_ruff() -> str:
    """Return the path of ruff, installed beside Copier, on the PATH, or by uv.

    Raises:
        UserMessageError: no ruff of an accepted version is installed.
    """
    beside = str(Path(sys.executable).with_name("ruff"))
    for path in filter(None, map(shutil.which, (beside, "ruff"))):
        if is_accepted(path):
            return path
    if path := output("uv", "tool", "run", "--quiet", "--from", REQUIREMENT, "python", "-c", LOCATE):
        return path
    raise UserMessageError(MISSING)


def run(directory: str, *arguments: str) -> None:
    """Run ruff on a directory with the service's `ruff.toml`, and ignore ruff configuration of parent directories."""
    command = [find_ruff(), *arguments, "--no-cache", "--config", str(CONFIG), "--config", JOINED, "--config", ALL, "."]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, encoding="utf-8", check=False)
    if result.returncode:
        raise UserMessageError(f"ruff {arguments[0]}: {result.stderr.strip()}")


def format_modules(sources: Iterable[str]) -> dict[str, str]:
    """Format several modules in one run of ruff, and map each original text to its formatted text.

    Raises:
        UserMessageError: a module has a syntax error, or `ruff.toml` is invalid.
    """
    with TemporaryDirectory(prefix="slipway-") as directory:
        files = {source: Path(directory, f"{number}.py") for number, source in enumerate(dict.fromkeys(sources))}
        for source, file in files.items():
            file.write_text(source, encoding="utf-8")
        run(directory, "check", "--select", "I,F401", "--fix", "--exit-zero")
        run(directory, "format")
        return {source: file.read_text(encoding="utf-8") for source, file in files.items()}


FORMATTED: dict[str, str] = {}  # cache: formatted modules by their source
UNFORMATTED = "_unformatted"  # context variable: return modules as rendered, without formatting


@pass_context
def module(context: Context, source: str) -> str:
    """Format one rendered module, and remove the imports that this service does not use.

    The modules of all resources are formatted in one batch, because starting ruff takes longer than formatting.
    """
    if UNFORMATTED in context:
        return source
    if source not in FORMATTED:
        FORMATTED.update(format_modules([source, *renderings(context)]))
    return FORMATTED[source]


def renderings(context: Context) -> list[str]:
    """Render the current template once for each resource of the service.

    The list is empty if the template does not depend on a resource.
    """
    if "resource" not in context or not context.name:
        return []
    template = context.environment.get_template(context.name)
    values = context.get_all() | {UNFORMATTED: True}
    return [template.render(values | {"resource": each}) for each in context["plan"]["resources"]]
