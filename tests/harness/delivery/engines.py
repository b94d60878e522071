"""Engines that build images and run them: Docker where it runs, else Podman, with a store of the harness's own.

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
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.harness.checks.runner import CACHE
from tests.harness.delivery.base_images import pack_python, pack_uv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASES: dict[str, Callable[[Path], None]] = {"PYTHON_IMAGE": pack_python, "UV_IMAGE": pack_uv}
ARGUMENT = re.compile(r"^ARG (?P<name>\w+_IMAGE)=(?P<image>\S+)$", re.MULTILINE)
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
ENOUGH = 3 * 2**30  # bytes: a handful of images, and what their builds download, take less than half of that
PATIENCE = 120  # seconds that a registry may take to hand out an image
LONGEST = 900  # seconds
# No limits beyond those that whoever runs the harness may set; health is asked for when a test wants to know it.
APART = ("--network", "none", "--no-healthcheck", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
PODMAN = """\
#!/bin/sh
# Written by the harness: Podman as `docker`, in a container without rights of its own, too.
verb=$1
shift
case $verb in
build) set -- --isolation chroot --format docker --pull=never "$@" ;;
esac
exec {podman} "$verb" "$@"
"""


class NoEngineError(Exception):
    """This machine can neither build images nor run them; the words say what it lacks."""


@dataclass(frozen=True)
class Engine:
    """What builds and runs images, under the name `docker`, by which pages call it."""

    place: Path  # where it keeps what it needs, and that program, where it is not on PATH
    ages: tuple[str, ...] = ()  # options of `build` by which all files are of one age
    makes: bool = False  # base images that cannot be fetched, under their own names, which nobody else sees

    def types(self, command: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a line of a shell."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=directory,
            env=os.environ | {"PATH": f"{self.place}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(self.place)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )

    def tries(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.types(shlex.join(["docker", *arguments]))

    def does(self, *arguments: str) -> str:
        """Run a command of the engine, which is to end well; give what it prints."""
        run = self.tries(*arguments)
        assert run.returncode == 0, f"docker {shlex.join(arguments)}\n{run.stdout}\n{run.stderr}"
        return run.stdout.strip()

    def fetched(self, image: str) -> bool:
        """Get an image from its registry, where that is in reach."""
        return self.types(f"timeout {PATIENCE} docker pull --quiet {shlex.quote(image)}").returncode == 0

    def prepare(self, dockerfile: str) -> None:
        """See that the base images of a Dockerfile are there.

        Raises:
            NoEngineError: one of them is not, and can be neither fetched nor made; or it cannot be run.
        """
        images = bases(dockerfile)
        for argument, image in images.items():
            if self.fetched(image) or (not self.makes and self.tries("image", "inspect", image).returncode == 0):
                continue
            if not self.makes:
                raise NoEngineError(f"{image} is not here, and its registry is out of reach.")
            archive = self.place / f"{argument}.tar"
            BASES[argument](archive)
            self.does("import", "--change", f"ENV PATH={PATH}", str(archive), image)
            archive.unlink()
        run = self.tries("run", "--rm", *APART, images["PYTHON_IMAGE"], "sh", "-c", ":")
        if run.returncode:
            raise NoEngineError(f"Containers cannot be run here: {run.stderr}")

    def tidy(self) -> None:
        """Leave nothing in a store of the harness's own; another one is none of its business."""
        if self.makes:
            self.tries("rmi", "--all", "--force")
            is_well("umount", str(self.place / "store" / "overlay"))  # which stays where a container was cut short

    def described(self, image: str) -> dict[str, Any]:
        """Tell an image's configuration, its health check and its layers, as Docker does."""
        (told,) = json.loads(self.does("image", "inspect", image))
        return {**told, "Config": {"Healthcheck": told.get("Healthcheck"), **told["Config"]}}


def bases(dockerfile: str) -> dict[str, str]:
    """Name the base images of a Dockerfile, by the build arguments that replace them."""
    return {match["name"]: match["image"] for match in ARGUMENT.finditer(dockerfile)}


def is_well(*command: str) -> bool:
    """Say whether a command ends well, and soon."""
    with suppress(subprocess.TimeoutExpired, OSError):
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    return False


def program(name: str) -> str | None:
    """Find a program, where only root looks, too."""
    return shutil.which(name, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin")))


def podman(place: Path) -> Engine:
    """Take Podman, with a store that nobody else sees, of whatever kind the file system bears.

    Raises:
        NoEngineError: it is not here, or of no use.
    """
    base = [program("podman"), "--runtime", program("runc") or program("crun"), "--cgroup-manager", "cgroupfs"]
    base += ["--root", str(place / "store"), "--runroot", str(place / "run")]
    command = [word for word in base if word]
    if len(command) < len(base):
        raise NoEngineError("Here is neither a Docker that runs, nor Podman with runc.")
    kinds = [command, [*command, "--storage-driver", "vfs"]]
    able = next((kind for kind in kinds if is_well(*kind, "info")), None)
    if not able:
        raise NoEngineError("Podman is here, and cannot keep images.")
    (place / "docker").write_text(PODMAN.format(podman=shlex.join(able)), encoding="utf-8")
    (place / "docker").chmod(0o755)
    return Engine(place, ("--timestamp", "0"), makes=True)


def engine(workspace: Path) -> Engine:
    """Choose what builds and runs images on this machine; in the workspace, where there is enough room.

    Raises:
        NoEngineError: there is nothing that does.
    """
    place = (workspace if shutil.disk_usage(workspace).free > ENOUGH else CACHE) / "images"
    place.mkdir(parents=True, exist_ok=True)
    return Engine(place) if is_well("docker", "info") else podman(place)


def registry(lock: str) -> str:
    """Tell the index that a lockfile was made against, however uv was told of it; without credentials."""
    named: list[str] = re.findall(r'registry = "([^"]+)"', lock)
    return named[0]


def from_here(lock: str, index: str, directory: Path) -> list[str]:
    """Give a build what reaches packages from this machine: the index, its credentials, authorities, proxies."""
    given = ["--network", "host", "--build-arg", f"UV_DEFAULT_INDEX={registry(lock)}"]
    for name in PROXIES & os.environ.keys():
        given += ["--build-arg", name]
    if authorities := os.environ.get("SSL_CERT_FILE"):
        given += ["--secret", f"id=ca,src={authorities}", "--build-arg", "SSL_CERT_FILE=/run/secrets/ca"]
    netrc = credentials(index, directory) or os.environ.get("NETRC")
    return given + (["--secret", f"id=netrc,src={netrc}"] if netrc else [])


def credentials(index: str, directory: Path) -> str:
    """Write down the credentials that an index's URL has, if any, as programs other than uv read them."""
    parts = urlsplit(index)
    if not parts.username:
        return ""
    netrc = directory / "netrc"
    netrc.touch(0o600)
    words = f"machine {parts.hostname} login {unquote(parts.username)} password {unquote(parts.password or '')}\n"
    netrc.write_text(words, encoding="utf-8")
    return str(netrc)
