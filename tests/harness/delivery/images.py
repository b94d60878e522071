"""Images of services: built as their page says, and run as wary hosts do: read-only, without network, by a stranger."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from extensions.plan import plan
from tests.harness.combinations.questions import all_questions
from tests.harness.delivery.engines import APART, from_here
from tests.harness.readme.newcomer import commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.delivery.engines import Engine

PATIENCE = 60  # seconds that a service may take until it is alive
STRANGER = "54321"  # a user whom nobody has heard of
CONFINED = (*APART, "--read-only", "--user", STRANGER)
DATABASES = {"postgresql": "postgresql://app:a-long-word@127.0.0.1/app", "sqlite": "sqlite:////srv/data/app.db"}
# What the python of an image looks for, in the image.
LOOK = """\
import app.server, sys
imported = [(name, getattr(module, "__cached__", None)) for name, module in sys.modules.items()]
import json, os
from importlib.metadata import distributions
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from shutil import which

def is_compiled(source):
    if source.parent.name == "bin":  # of the environment: scripts
        return True
    compiled = Path(cache_from_source(source))
    return compiled.exists() and compiled.read_bytes()[4:8] == b"\\1\\0\\0\\0"  # never checked against its source

files = [path for path in Path("/srv").rglob("*") if not path.is_symlink()]
programs = [name for name in ("uv", "uvx", "pip", "pip3") if which(name)]
modules = [name for name in ("pip", "uv", "pytest", "development") if find_spec(name)]
print(json.dumps({
    "user": [os.getuid(), os.getgid()],
    "tools": programs + modules + [str(path) for path in Path("/usr/local/lib").rglob("pip")],
    "packages": [[each.name, each.version] for each in distributions(path=[p for p in sys.path if ".venv" in p])],
    "uncompiled": [str(path) for path in files if path.suffix == ".py" and not is_compiled(path)],
    "slow": [name for name, cached in imported if cached and not Path(cached).exists()],
    "writable": [str(path) for path in files if os.access(path, os.W_OK)],
    "unreadable": [str(path) for path in files if not os.access(path, os.R_OK)],
    "secrets": os.listdir("/run/secrets") if os.path.isdir("/run/secrets") else [],
}))
"""


@dataclass(frozen=True)
class Image:
    """An image of a service, and the checkout that it was built from."""

    tag: str
    directory: Path
    engine: Engine
    answers: Answers

    @cached_property
    def plan(self) -> dict[str, Any]:
        return plan(all_questions().default | self.answers)

    @cached_property
    def described(self) -> dict[str, Any]:
        return self.engine.described(self.tag)

    @cached_property
    def seen(self) -> dict[str, Any]:
        """Tell what the image's own user finds in it."""
        found: dict[str, Any] = json.loads(self.engine.does("run", "--rm", *APART, self.tag, "python", "-c", LOOK))
        return found

    @property
    def volumes(self) -> dict[str, str]:
        """Name the volumes of its containers, and their places."""
        return {f"{self.tag}-{name}": path for name, path in self.plan["directories"].items()}

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Give what a container in production has: settings, and the volumes that the README names."""
        settings = {each["name"]: each["value"] for each in self.plan["stand_ins"]} | {
            "DATABASE_URL": DATABASES[self.plan["database"]],
            "FILES_URL": "file:///srv/files",
            "AUTH_KEYS": secrets.token_hex(32),
        }
        given = [f"--env={name}={settings[name]}" for name in self.plan["needed"]]
        volumes = [f"--volume={name}:{path}" for name, path in self.volumes.items()]
        return (*CONFINED, "--tmpfs", "/tmp", *volumes, *given)  # noqa: S108 - the container's

    def does(self, *command: str) -> str:
        """Run a command of the service's, to its good end."""
        return self.engine.does("run", "--rm", *self.options, self.tag, *command)

    def remove(self) -> None:
        self.engine.tries("rmi", "--force", self.tag)
        self.engine.tries("volume", "rm", "--force", *self.volumes)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run the service, and give the container's name."""
        container = self.engine.does("run", "--detach", *self.options, self.tag)
        try:
            yield container
        finally:
            self.engine.tries("rm", "--force", container)

    def is_well(self, container: str) -> bool:
        """Ask the container as the image's health check has it."""
        how, *command = self.described["Config"]["Healthcheck"]["Test"]
        assert how == "CMD"  # without a shell
        return self.engine.tries("exec", container, *command).returncode == 0

    def await_health(self, container: str) -> None:
        deadline = time.monotonic() + 60
        while not self.is_well(container):
            assert time.monotonic() < deadline, self.engine.tries("logs", container)
            time.sleep(0.2)


def shown(directory: Path, word: str) -> str:
    """Find the command of the page that holds a word."""
    page = (directory / "docs" / "image.md").read_text(encoding="utf-8")
    (command,) = [command for command in commands(page) if word in command]
    return command


def build(image: Image, *arguments: str, index: str = "") -> None:
    """Build an image by the command that the page has for a terminal, and what its closed networks ask for."""
    directory = image.directory
    lock = (directory / "uv.lock").read_text(encoding="utf-8")
    reaching = from_here(lock, index or os.environ.get("UV_DEFAULT_INDEX", ""), directory.parent)
    given = shlex.join([*image.engine.ages, *reaching, *arguments, "--tag", image.tag])
    command = shown(directory, "docker build")
    assert " --tag app ." in command
    run = image.engine.types(command.replace("--tag app", given), directory)
    assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
