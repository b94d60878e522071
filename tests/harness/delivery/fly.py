"""The machines that a service's `fly.toml` describes, and what it says of the service that is not so."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from tests.harness.delivery.declared import Promised, unless

if TYPE_CHECKING:
    from collections.abc import Iterator

Section = dict[str, Any]
IN_ORDER = re.compile(r"sh -c 'python -m app migrate \|\| exit; .*exec python -m app serve'")


def problems(promised: Promised) -> list[str]:
    """List all that is wrong with `fly.toml`."""
    described = tomllib.loads(promised.files["fly.toml"])
    return [found for check in (shape, lives, kept) for found in check(promised, described)]


# The sections and keys that the service uses, as https://fly.io/docs/reference/configuration/ has them.
MACHINES = {
    "": {"app", "primary_region", "kill_signal", "kill_timeout"},
    "build": {"dockerfile"},
    "deploy": {"strategy", "release_command"},
    "http_service": {
        *("processes", "internal_port", "force_https", "auto_stop_machines", "auto_start_machines"),
        *("concurrency", "checks"),
    },
    "http_service.concurrency": {"type", "soft_limit", "hard_limit"},
    "http_service.checks": {"method", "path", "interval", "timeout", "grace_period"},
    "mounts": {"processes", "source", "destination", "initial_size", "snapshot_retention"},
    "metrics": {"processes", "port", "path"},
    "vm": {"size", "memory"},
}
FREE = {"env", "processes"}  # whose keys are names


def shape(_: Promised, described: Section) -> Iterator[str]:
    for path, section in sections(described):
        yield from (
            f"[{path}] {key}: Fly has no such key" for key in sorted(keys(section, path) - MACHINES.get(path, set()))
        )
    groups = described["processes"].keys()
    used = [described["http_service"], *described.get("mounts", []), *described.get("metrics", [])]
    yield from (f"{each}: no process" for section in used for each in section["processes"] if each not in groups)
    yield from unless(all(isinstance(value, str) for value in described["env"].values()), "[env] holds no text")


def sections(described: Section, path: str = "") -> Iterator[tuple[str, Section]]:
    yield path, described
    for key, value in described.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and not (path == "" and key in FREE):
                yield from sections(each, f"{path}.{key}".lstrip("."))


def keys(section: Section, path: str) -> set[str]:
    """Name what a section says itself, beside its own sections."""
    return section.keys() - (FREE | MACHINES.keys() if path == "" else set())


def lives(promised: Promised, described: Section) -> Iterator[str]:
    """Compare how machines start, serve and stop with what the service promises."""
    http = described["http_service"]
    environment = described["env"]
    drain = sum(int(environment[name]) for name in ("DRAIN_SECONDS", "GRACE_SECONDS"))
    least = max([drain + 1, *promised.graces.values()])
    yield from unless(described["kill_timeout"] >= least, f"machines may take {least} seconds to stop")
    yield from unless(described["kill_signal"] == "SIGTERM", "the service does not know that signal")
    yield from unless(http["internal_port"] == promised.image.port, "the service does not listen there")
    yield from (
        f"{check['path']}: asks nothing of the service"
        for check in http["checks"]
        if check["path"] not in promised.image.probes
    )
    yield from (f"{name}: .env.example does not know it" for name in environment if name not in promised.settings)
    yield from (f"{name}: is a secret" for name in environment if name in promised.secrets)
    observed = [each["port"] for each in described.get("metrics", [])]
    told = [int(environment.get(name, 0)) for name in promised.ports]
    yield from unless(observed == told == list(promised.ports.values()), f"metrics are at {told}, read at {observed}")


def kept(promised: Promised, described: Section) -> Iterator[str]:
    """Keep what is in a file on the one volume of one machine, and migrate before anything serves."""
    groups, mounted = described["processes"], described.get("mounts", [])
    release = described["deploy"].get("release_command")
    if not promised.is_one_file:
        others = {name: f"python -m app {name}" for name in promised.graces}
        yield from unless(groups == {"app": "python -m app serve"} | others, f"the processes are {groups}")
        yield from unless(release == "python -m app migrate", "nobody migrates")
        yield from unless(mounted == [], "a volume is of one machine")
        return
    yield from unless(release is None, "a release command has no volume")
    yield from unless(groups.keys() == {"app"}, "a volume is of one machine")
    words = groups["app"]
    yield from unless(IN_ORDER.fullmatch(words) is not None, "it does not migrate before it serves")
    yield from (f"nobody does {name}" for name in promised.graces if f"python -m app {name};" not in words)
    [volume] = mounted
    for feature in promised.features:
        for variable in feature.environment if feature.volumes else ():
            value = described["env"].get(variable, "")
            yield from unless(f"{volume['destination']}/" in value, f"{variable}: is not on the volume")
