"""Compute the Jinja context of the Kubernetes manifests and of `fly.toml`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .catalogue import DATABASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .catalogue.model import Feature, Process

SERVE, MIGRATE = "python -m app serve", "python -m app migrate"
LONGEST = 50  # characters of a namespace without `-staging`; a DNS label has 63 at most (RFC 1123)


def components(features: list[Feature]) -> list[str]:
    """List the Kustomize components in patch order, so that each one can patch resources of earlier ones."""
    with_component = [feature for feature in reversed(features) if feature.is_component]
    return [feature.name for feature in sorted(with_component, key=lambda feature: not feature.processes)]


def required_variables(features: list[Feature]) -> list[dict[str, str]]:
    """List the required environment variables that are not secret.

    Variables of a feature with volumes are omitted, because its Kustomize component sets them.
    """
    set_by_volumes = {name for feature in features if feature.volumes for name in feature.environment}
    settings = [setting for feature in features for setting in feature.settings]
    needed = [each for each in settings if each.is_needed and not each.is_secret and each.name not in set_by_volumes]
    return [{"name": each.name, "example": each.example, "meaning": each.meaning} for each in needed]


def command(process: Process) -> str:
    """Return the shell command that starts a process of the service."""
    return f"python -m app {process.name}"


def combined_command(processes: list[Process], ports: Mapping[str, int]) -> str:
    """Return a shell command that migrates the database, runs the server, and restarts other processes that exit.

    Only the server binds ports, so their variables are unset for the other processes.
    """
    unset = " ".join(["env", *(f"-u {name}" for name in ports), ""]) if ports else ""
    others = [f"while true; do {unset}{command(process)}; sleep 1; done &" for process in processes]
    return shlex.join(["sh", "-c", " ".join([f"{MIGRATE} || exit;", *others, f"exec {SERVE}"])])


def on_one_volume(features: list[Feature], root: str) -> dict[str, str]:
    """Return environment variables that place the files of all features on one volume at `root`."""
    variables: dict[str, str] = {}
    for feature in features:
        for name, path in feature.volumes.items():
            place = root if path == root else f"{root}/{name}"
            variables |= {key: value.replace(path, place) for key, value in feature.environment.items()}
    return variables


def fly(features: list[Feature]) -> dict[str, Any]:
    """Return the Jinja context of `fly.toml`.

    A machine of Fly.io has at most one volume.

    With SQLite, there is one machine, whose volume holds the database and all files. Otherwise there are several
    machines without a shared directory: features that store files need a bucket.
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
    separate = {"app": SERVE} | {process.name: command(process) for process in processes}
    return {
        "releases": [] if mounts else [MIGRATE],
        "processes": {"app": combined_command(processes, ports)} if mounts else separate,
        "environment": {name: str(port) for name, port in ports.items()}
        | {key: value for root in roots for key, value in on_one_volume(features, root).items()},
        "mounts": mounts,
        "ports": list(ports.values()),
    }


def deployment_facts(features: list[Feature], name: str) -> dict[str, Any]:
    """Return the Jinja context of the Kubernetes manifests and of `fly.toml`."""
    return {
        "namespace": name[:LONGEST].rstrip("-"),
        "components": components(features),
        "plain": required_variables(features),
        "fly": fly(features),
    }
