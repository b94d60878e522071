"""Build a service's image by the commands of its page, and run it read-only as an arbitrary user."""

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

from extensions.slipway_template.plan import plan
from tests.harness.combinations.questions import all_questions
from tests.harness.delivery.engines import ISOLATED, network_options
from tests.harness.readme.newcomer import commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.delivery.engines import Engine

HEALTH_TIMEOUT = 60  # seconds until a service is healthy
ARBITRARY_USER = "54321"  # unknown to the image
CONFINED = (*ISOLATED, "--read-only", "--user", ARBITRARY_USER)
DATABASES = {"postgresql": "postgresql://app:a-long-word@127.0.0.1/app", "sqlite": "sqlite:////srv/data/app.db"}
# A program that inspects the image from inside.
PROBE = """\
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
    """A container image, and the checkout of the service that it was built from."""

    tag: str
    directory: Path
    engine: Engine
    answers: Answers

    @cached_property
    def plan(self) -> dict[str, Any]:
        return plan(all_questions().default | self.answers)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        return self.engine.inspect(self.tag)

    @cached_property
    def contents(self) -> dict[str, Any]:
        """Return the user, packages and file permissions in the image, as `PROBE` prints them in a container."""
        output: dict[str, Any] = json.loads(
            self.engine.check_output("run", "--rm", *ISOLATED, self.tag, "python", "-c", PROBE)
        )
        return output

    @property
    def volumes(self) -> dict[str, str]:
        """Return the mount point of each volume of the service, by volume name."""
        return {f"{self.tag}-{name}": path for name, path in self.plan["directories"].items()}

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Return `docker run` options of a production container, with settings and volumes as in the README."""
        settings = {each["name"]: each["value"] for each in self.plan["stand_ins"]} | {
            "DATABASE_URL": DATABASES[self.plan["database"]],
            "FILES_URL": "file:///srv/files",
            "AUTH_KEYS": secrets.token_hex(32),
        }
        variables = [f"--env={name}={settings[name]}" for name in self.plan["needed"]]
        volumes = [f"--volume={name}:{path}" for name, path in self.volumes.items()]
        return (*CONFINED, "--tmpfs", "/tmp", *volumes, *variables)  # noqa: S108 - the container's

    def check_output(self, *command: str) -> str:
        """Run a command in a new container of the image, and return its output.

        The command must succeed.
        """
        return self.engine.check_output("run", "--rm", *self.options, self.tag, *command)

    def remove(self) -> None:
        self.engine.run("rmi", "--force", self.tag)
        self.engine.run("volume", "rm", "--force", *self.volumes)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run the service in a background container, and yield the container's ID."""
        container = self.engine.check_output("run", "--detach", *self.options, self.tag)
        try:
            yield container
        finally:
            self.engine.run("rm", "--force", container)

    def is_healthy(self, container: str) -> bool:
        """Run the image's health check in the container."""
        how, *command = self.metadata["Config"]["Healthcheck"]["Test"]
        assert how == "CMD"  # without a shell
        return self.engine.run("exec", container, *command).returncode == 0

    def await_health(self, container: str) -> None:
        deadline = time.monotonic() + HEALTH_TIMEOUT
        while not self.is_healthy(container):
            assert time.monotonic() < deadline, self.engine.run("logs", container)
            time.sleep(0.2)


def page_command(directory: Path, word: str) -> str:
    """Return the only command in `docs/image.md` that contains a word."""
    page = (directory / "docs" / "image.md").read_text(encoding="utf-8")
    (command,) = [command for command in commands(page) if word in command]
    return command


def build(image: Image, *arguments: str, index: str = "") -> None:
    """Build an image by the command in `docs/image.md`, with options for this machine's network."""
    directory = image.directory
    lock = (directory / "uv.lock").read_text(encoding="utf-8")
    network = network_options(lock, index or os.environ.get("UV_DEFAULT_INDEX", ""), directory.parent)
    options = shlex.join([*image.engine.timestamp, *network, *arguments, "--tag", image.tag])
    command = page_command(directory, "docker build")
    assert " --tag app ." in command
    run = image.engine.shell(command.replace("--tag app", options), directory)
    assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
