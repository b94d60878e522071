"""Where the service runs: the parts of its manifests for Kubernetes, and what `fly.toml` says."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .catalogue import DATABASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .catalogue.model import Feature, Process

SERVE, MIGRATE = "python -m app serve", "python -m app migrate"
LONGEST = 50  # characters of a namespace, to which `-staging` is added; 63 is the most (RFC 1123)


def components(features: list[Feature]) -> list[str]:
    """Name the components in the order in which kustomize takes them: each changes what those before it brought."""
    found = [feature for feature in reversed(features) if feature.is_component]
    return [feature.name for feature in sorted(found, key=lambda feature: not feature.processes)]


def plain(features: list[Feature]) -> list[dict[str, str]]:
    """List the settings that production needs, and that neither a secret nor a volume's component gives."""
    given = {name for feature in features if feature.volumes for name in feature.environment}
    settings = [setting for feature in features for setting in feature.settings]
    needed = [each for each in settings if each.is_needed and not each.is_secret and each.name not in given]
    return [{"name": each.name, "example": each.example, "meaning": each.meaning} for each in needed]


def command(process: Process) -> str:
    return f"python -m app {process.name}"


def together(processes: list[Process], ports: Mapping[str, int]) -> str:
    """Write what runs in one machine: it migrates, begins every other process anew when it ends, and serves.

    A port is the server's, so no other process is told of it.
    """
    alone = " ".join(["env", *(f"-u {name}" for name in ports), ""]) if ports else ""
    others = [f"while true; do {alone}{command(process)}; sleep 1; done &" for process in processes]
    return shlex.join(["sh", "-c", " ".join([f"{MIGRATE} || exit;", *others, f"exec {SERVE}"])])


def in_one_place(features: list[Feature], root: str) -> dict[str, str]:
    """Give the variables that name directories, each moved below `root` unless that is it."""
    moved: dict[str, str] = {}
    for feature in features:
        for name, path in feature.volumes.items():
            place = root if path == root else f"{root}/{name}"
            moved |= {key: value.replace(path, place) for key, value in feature.environment.items()}
    return moved


def fly(features: list[Feature]) -> dict[str, Any]:
    """Describe the machines of Fly.io, each of which has one volume at most.

    Where the database is a file, there is one machine, and all that is kept lies on its volume. Else there are several,
    which share no directory: what needs one is given a bucket by its owner.
    """
    processes = [process for feature in features for process in feature.processes]
    ports = {name: port for feature in features for name, port in feature.listens.items()}
    mounts = [
        {"source": name, "destination": path}
        for feature in features
        if feature in DATABASES
        for name, path in feature.volumes.items()
    ]
    roots = [mount["destination"] for mount in mounts]
    groups = {"app": together(processes, ports)} if mounts else {"app": SERVE} | {p.name: command(p) for p in processes}
    return {
        "releases": [] if mounts else [MIGRATE],
        "processes": groups,
        "environment": {name: str(port) for name, port in ports.items()}
        | {key: value for root in roots for key, value in in_one_place(features, root).items()},
        "mounts": mounts,
        "ports": list(ports.values()),
    }


def of_deployment(features: list[Feature], name: str) -> dict[str, Any]:
    """Describe where the service runs, and what differs there by what it is built of."""
    return {
        "namespace": name[:LONGEST].rstrip("-"),
        "components": components(features),
        "plain": plain(features),
        "fly": fly(features),
    }
