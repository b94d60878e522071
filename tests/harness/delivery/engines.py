"""Container engines: Docker if it runs, else Podman with the harness's own store.

Base images are pulled from their registry. If it is unavailable, Podman gets substitutes made of this machine's
programs, under the names in the Dockerfile.
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

from tests.harness.delivery.base_images import pack_python, pack_uv
from tests.harness.workspace import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASES: dict[str, Callable[[Path], None]] = {"PYTHON_IMAGE": pack_python, "UV_IMAGE": pack_uv}
ARGUMENT = re.compile(r"^ARG (?P<name>\w+_IMAGE)=(?P<image>\S+)$", re.MULTILINE)
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
MIN_SPACE = 3 * 2**30  # bytes: images and their builds' downloads take less than half
PULL_TIMEOUT = 120  # seconds for a pull
LONGEST = 900  # seconds
# Limits that an unprivileged user may set; health is checked by the tests that need it.
ISOLATED = ("--network", "none", "--no-healthcheck", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
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
    """Raised if this machine cannot build or run images.

    The message names the missing program.
    """


@dataclass(frozen=True)
class Engine:
    """A container engine, available as the command `docker` that the pages use."""

    place: Path  # its files, and the program `docker` if it is not on PATH
    timestamp: tuple[str, ...] = ()  # options of `build` that set the time of all files
    builds_bases: bool = False  # substitutes of base images that cannot be pulled, in a private store

    def shell(self, command: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a shell command, with the engine on PATH."""
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

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.shell(shlex.join(["docker", *arguments]))

    def check_output(self, *arguments: str) -> str:
        """Run a command of the engine that must succeed, and return its output."""
        run = self.run(*arguments)
        assert run.returncode == 0, f"docker {shlex.join(arguments)}\n{run.stdout}\n{run.stderr}"
        return run.stdout.strip()

    def pull(self, image: str) -> bool:
        """Pull an image, and return whether that succeeded."""
        return self.shell(f"timeout {PULL_TIMEOUT} docker pull --quiet {shlex.quote(image)}").returncode == 0

    def prepare(self, dockerfile: str) -> None:
        """Pull or build the base images that a Dockerfile names.

        Raises:
            NoEngineError: a base image is unavailable, or cannot be run.
        """
        images = base_images(dockerfile)
        for argument, image in images.items():
            if self.pull(image) or (not self.builds_bases and self.run("image", "inspect", image).returncode == 0):
                continue
            if not self.builds_bases:
                raise NoEngineError(f"{image} is missing, and its registry is unavailable.")
            archive = self.place / f"{argument}.tar"
            BASES[argument](archive)
            self.check_output("import", "--change", f"ENV PATH={PATH}", str(archive), image)
            archive.unlink()
        run = self.run("run", "--rm", *ISOLATED, images["PYTHON_IMAGE"], "sh", "-c", ":")
        if run.returncode:
            raise NoEngineError(f"Containers cannot be run here: {run.stderr}")

    def clean_up(self) -> None:
        """Remove all images from the harness's own Podman store, but no images of Docker."""
        if self.builds_bases:
            self.run("rmi", "--all", "--force")
            succeeds("umount", str(self.place / "store" / "overlay"))  # left behind by a killed container

    def inspect(self, image: str) -> dict[str, Any]:
        """Return an image's configuration, health check and layers in Docker's format."""
        (image_data,) = json.loads(self.check_output("image", "inspect", image))
        return {**image_data, "Config": {"Healthcheck": image_data.get("Healthcheck"), **image_data["Config"]}}


def base_images(dockerfile: str) -> dict[str, str]:
    """Return the base images that a Dockerfile names, by build argument."""
    return {match["name"]: match["image"] for match in ARGUMENT.finditer(dockerfile)}


def succeeds(*command: str) -> bool:
    """Return whether a command succeeds within 30 seconds."""
    with suppress(subprocess.TimeoutExpired, OSError):
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    return False


def which(name: str) -> str | None:
    """Find a program on PATH and in `sbin`."""
    return shutil.which(name, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin")))


def podman(place: Path) -> Engine:
    """Set up Podman with a store in the given directory and a working storage driver.

    Raises:
        NoEngineError: it is missing or does not work.
    """
    base = [which("podman"), "--runtime", which("runc") or which("crun"), "--cgroup-manager", "cgroupfs"]
    base += ["--root", str(place / "store"), "--runroot", str(place / "run")]
    command = [word for word in base if word]
    if len(command) < len(base):
        raise NoEngineError("Neither Docker runs here, nor Podman with runc.")
    candidates = [command, [*command, "--storage-driver", "vfs"]]
    working = next((each for each in candidates if succeeds(*each, "info")), None)
    if not working:
        raise NoEngineError("Podman cannot store images here.")
    (place / "docker").write_text(PODMAN.format(podman=shlex.join(working)), encoding="utf-8")
    (place / "docker").chmod(0o755)
    return Engine(place, ("--timestamp", "0"), builds_bases=True)


def engine(workspace: Path) -> Engine:
    """Return Docker if it runs, otherwise Podman with its store in the workspace or the cache.

    Raises:
        NoEngineError: there is none.
    """
    place = (workspace if shutil.disk_usage(workspace).free > MIN_SPACE else CACHE) / "images"
    place.mkdir(parents=True, exist_ok=True)
    return Engine(place) if succeeds("docker", "info") else podman(place)


def registry(lock: str) -> str:
    """Return the URL of a lockfile's package index, without credentials."""
    urls: list[str] = re.findall(r'registry = "([^"]+)"', lock)
    return urls[0]


def network_options(lock: str, index: str, directory: Path) -> list[str]:
    """Return `docker build` options for this machine's package index, credentials, certificates and proxies."""
    options = ["--network", "host", "--build-arg", f"UV_DEFAULT_INDEX={registry(lock)}"]
    for name in PROXIES & os.environ.keys():
        options += ["--build-arg", name]
    if authorities := os.environ.get("SSL_CERT_FILE"):
        options += ["--secret", f"id=ca,src={authorities}", "--build-arg", "SSL_CERT_FILE=/run/secrets/ca"]
    netrc = credentials(index, directory) or os.environ.get("NETRC")
    return options + (["--secret", f"id=netrc,src={netrc}"] if netrc else [])


def credentials(index: str, directory: Path) -> str:
    """Write the credentials in an index URL to a netrc file, and return its path; empty without credentials."""
    parts = urlsplit(index)
    if not parts.username:
        return ""
    netrc = directory / "netrc"
    netrc.touch(0o600)
    words = f"machine {parts.hostname} login {unquote(parts.username)} password {unquote(parts.password or '')}\n"
    netrc.write_text(words, encoding="utf-8")
    return str(netrc)
