"""Images, built and run for real: by Docker where it runs, else by Podman, in a store of its own.

Docker takes the base images from their registry. So does Podman, where that is in reach; else they are made of what is
installed on this machine, under the names that the Dockerfile has for them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.harness.base_images import MINOR, pack_python, pack_uv
from tests.harness.newcomer import commands
from tests.harness.verdicts import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

BASES: dict[str, Callable[[Path], None]] = {"PYTHON_IMAGE": pack_python, "UV_IMAGE": pack_uv}
ARGUMENT = re.compile(r"^ARG (?P<name>\w+_IMAGE)=(?P<image>\S+)$", re.MULTILINE)
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
STORE = CACHE / "images"
PATIENCE = 300  # seconds that a registry may take to hand out an image, where there is one
LONGEST = 900  # seconds
# No limits beyond those that whoever runs the harness may set; health is asked for when a test wants to know it.
CONFINED = ("--network", "none", "--no-healthcheck", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
ENGINE = """\
#!/bin/sh
verb=$1
shift
case $verb in
build) set -- {build} "$@" ;;
run) set -- {run} "$@" ;;
esac
exec {engine} "$verb" "$@"
"""


class NoEngineError(Exception):
    """This machine can neither build images nor run them; the words say what it lacks."""


@dataclass(frozen=True)
class Engine:
    """What builds and runs images, under the name `docker`, by which pages call it."""

    shims: Path
    ages: tuple[str, ...] = ()  # by which all files of an image are of one age
    makes_bases: bool = False

    def types(self, command: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of a shell, in which `docker` is this engine."""
        path = f"{self.shims}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=directory,
            env=os.environ | {"PATH": path, "TMPDIR": str(STORE)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )

    def does(self, *arguments: str) -> str:
        """Run a command of the engine, which is to end well; give what it prints."""
        run = self.types(shlex.join(["docker", *arguments]))
        assert run.returncode == 0, f"docker {shlex.join(arguments)}\n{run.stdout}\n{run.stderr}"
        return run.stdout.strip()

    def has(self, image: str) -> bool:
        return self.types(shlex.join(["docker", "image", "inspect", image])).returncode == 0

    def fetch(self, image: str) -> bool:
        """Get an image from its registry; say whether it can be had."""
        return self.types(f"timeout {PATIENCE} docker pull --quiet {shlex.quote(image)}").returncode == 0

    def make(self, argument: str, image: str) -> None:
        """Make what stands for a base image; what is equal to the one that is there costs no more than a look."""
        archive = STORE / f"{argument}.tar"
        BASES[argument](archive)
        self.does("import", "--change", f"ENV PATH={PATH}", str(archive), image)
        archive.unlink()

    def prepare(self, dockerfile: str) -> None:
        """See that the base images of a Dockerfile are there."""
        for argument, image in bases(dockerfile).items():
            if not self.makes_bases and not self.has(image) and not self.fetch(image):
                raise NoEngineError(f"{image} cannot be had.")
            if self.makes_bases:
                self.make(argument, image)


def bases(dockerfile: str) -> dict[str, str]:
    """Name the base images of a Dockerfile, by the build arguments that replace them."""
    return {match["name"]: match["image"] for match in ARGUMENT.finditer(dockerfile)}


def shim(engine: Sequence[str], build: Sequence[str] = ()) -> Path:
    """Write the program `docker` that is the engine, and give its directory."""
    directory = STORE / "bin"
    directory.mkdir(parents=True, exist_ok=True)
    words = {"engine": engine, "build": build, "run": CONFINED}
    text = ENGINE.format_map({name: shlex.join(each) for name, each in words.items()})
    (directory / "docker").write_text(text, encoding="utf-8")
    (directory / "docker").chmod(0o755)
    return directory


def works(*command: str) -> bool:
    """Say whether a command ends well, and soon."""
    with suppress(subprocess.TimeoutExpired, OSError):
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    return False


def found(*names: str) -> str | None:
    """Find the first of some programs, where only root looks, too."""
    places = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    return next(filter(None, (shutil.which(name, path=places) for name in names)), None)


def podman() -> Engine:
    """Take Podman, with a store that nobody else sees, and whatever driver this file system bears."""
    program, runtime = found("podman"), found("runc", "crun")
    if not program or not runtime:
        raise NoEngineError("There is neither a Docker that runs, nor Podman with runc; `.ci/images` installs these.")
    base = [program, "--root", str(STORE / "store"), "--runroot", str(STORE / "run"), "--runtime", runtime]
    base += ["--cgroup-manager", "cgroupfs"]
    if not works(*base, "info"):
        base += ["--storage-driver", "vfs"]
    if not works(*base, "info"):
        raise NoEngineError("Podman is here, and cannot keep images.")
    build = ("--isolation", "chroot", "--network", "host", "--format", "docker", "--pull=never")
    return Engine(shim(base, build), ("--timestamp", "0"), makes_bases=True)
