"""Check a service's `fly.toml` against what the service declares."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from tests.harness.delivery.declared import Declared, unless

if TYPE_CHECKING:
    from collections.abc import Iterator

Section = dict[str, Any]
MIGRATES_FIRST = re.compile(r"sh -c 'python -m app migrate \|\| exit; .*exec python -m app serve'")


def problems(declared: Declared) -> list[str]:
    """Check `fly.toml` against its schema and the service's declarations, and return the problems."""
    described = tomllib.loads(declared.files["fly.toml"])
    return [problem for check in (schema, lifecycle, storage) for problem in check(declared, described)]


# Sections and keys that services use, from https://fly.io/docs/reference/configuration/.
KEYS = {
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
FREE = {"env", "processes"}  # any key is allowed


def schema(_: Declared, described: Section) -> Iterator[str]:
    for path, section in sections(described):
        yield from (
            f"[{path}] {key}: Fly has no such key" for key in sorted(keys(section, path) - KEYS.get(path, set()))
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
    """Return a section's keys and values, without its subsections."""
    return section.keys() - (FREE | KEYS.keys() if path == "" else set())


def lifecycle(declared: Declared, described: Section) -> Iterator[str]:
    """Check the ports, health checks, stop signals, timeouts and variables of each process."""
    http = described["http_service"]
    environment = described["env"]
    drain = sum(int(environment[name]) for name in ("DRAIN_SECONDS", "GRACE_SECONDS"))
    least = max([drain + 1, *declared.graces.values()])
    yield from unless(described["kill_timeout"] >= least, f"kill_timeout is less than {least} seconds")
    yield from unless(described["kill_signal"] == "SIGTERM", "kill_signal is not SIGTERM")
    yield from unless(http["internal_port"] == declared.image.port, "internal_port is not the service's")
    yield from (
        f"{check['path']}: the service has no such path"
        for check in http["checks"]
        if check["path"] not in declared.image.probes
    )
    yield from (f"{name}: is missing in .env.example" for name in environment if name not in declared.settings)
    yield from (f"{name}: is a secret" for name in environment if name in declared.secrets)
    scraped = [each["port"] for each in described.get("metrics", [])]
    served = [int(environment.get(name, 0)) for name in declared.ports]
    yield from unless(
        scraped == served == list(declared.ports.values()), f"metrics are at {served}, scraped at {scraped}"
    )


def storage(declared: Declared, described: Section) -> Iterator[str]:
    """Check that a database file is on a single machine's volume, and that migrations run before the service."""
    groups, mounted = described["processes"], described.get("mounts", [])
    release = described["deploy"].get("release_command")
    if not declared.is_single_file:
        others = {name: f"python -m app {name}" for name in declared.graces}
        yield from unless(groups == {"app": "python -m app serve"} | others, f"the processes are {groups}")
        yield from unless(release == "python -m app migrate", "no release command migrates")
        yield from unless(mounted == [], "a volume is mounted without need")
        return
    yield from unless(release is None, "a release command cannot reach the volume")
    yield from unless(groups.keys() == {"app"}, "a volume belongs to one machine")
    command = groups["app"]
    yield from unless(MIGRATES_FIRST.fullmatch(command) is not None, "app does not migrate before serving")
    yield from (f"{name} is not run" for name in declared.graces if f"python -m app {name};" not in command)
    [volume] = mounted
    for feature in declared.features:
        for variable in feature.environment if feature.volumes else ():
            value = described["env"].get(variable, "")
            yield from unless(f"{volume['destination']}/" in value, f"{variable}: is not on the volume")
