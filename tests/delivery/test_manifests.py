"""What the manifests of a service say of it is true: rights, ports, probes, times, settings, volumes, processes."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from extensions.catalogue import FEATURES
from extensions.plan import plan, questions
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.delivery import fly as machines
from tests.harness.delivery import kubernetes as manifests
from tests.harness.delivery.declared import Promised
from tests.harness.delivery.formats import read_yaml
from tests.harness.delivery.kubernetes import ROOT, STAGES, Deployed, built, loose_ends, schema_problems
from tests.harness.findings import TOOLS, assert_no_findings, format_findings
from tests.harness.workspace import template_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.files import DistinctFile, Files
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

EVERYTHING = {
    "auth": "local",
    "tasks": next(choice for choice in choices(questions()["tasks"]) if choice != "none"),
    "features": choices(questions()["features"]),
    "deploy": choices(questions()["deploy"]),
}


def covering(place: str) -> list[Answers]:
    """List few combinations that run at a place, in which any two answers meet; and with all that there is."""
    asked = all_questions()
    everything = [asked.default | EVERYTHING | {"database": name} for name in choices(questions()["database"])]
    return [given for given in [*asked.covering(2), *everything] if place in given["deploy"]]


def promised(service: Service) -> Promised:
    return Promised({path: file.content.decode() for path, file in service.files.items()}, service.answers)


def manifests_of(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith(ROOT)}


@pytest.mark.parametrize("answers", covering("kubernetes"), ids=all_questions().label)
def test_an_environment_is_what_the_service_needs(answers: Answers, serve: Callable[[Answers], Service]) -> None:
    service = serve(answers)
    expected = promised(service)
    found = {stage: manifests.problems(Deployed(expected, stage, built(service.directory, stage))) for stage in STAGES}
    assert_no_findings(format_findings(found | {"files": loose_ends(manifests_of(dict(expected.files)))}))


@pytest.mark.parametrize("answers", covering("fly"), ids=all_questions().label)
def test_machines_are_what_the_service_needs(answers: Answers, serve: Callable[[Answers], Service]) -> None:
    assert_no_findings("\n".join(machines.problems(promised(serve(answers)))))


def test_every_resource_is_known_to_each_kubernetes(files: Files) -> None:
    def problem(file: DistinctFile) -> str:
        found = read_yaml(file.text)
        assert isinstance(found, list)
        return "; ".join(schema_problems([each for each in found if "kind" in each and "metadata" in each]))

    assert_no_findings(files.problems(problem, f"/{ROOT}/base/*.yaml", f"/{ROOT}/components/*/*.yaml"))


def test_what_has_a_component_says_so() -> None:
    """An environment takes the components of all that says so, and the template has no other."""
    place = f"{ROOT}/components/"
    there = {name.removeprefix(place).split("/")[0] for name in template_files() if name.startswith(place)}
    assert there == {feature.name for feature in FEATURES if feature.is_component}
    brought = plan(all_questions().default | EVERYTHING)["components"]
    assert brought[0] == "jobs"
    assert brought[-1] == "postgresql"


# What somebody might do to a service with all that there is, and the words that tell of it.
BROKEN = {
    "postgresql": [
        ("base/app.yaml", "runAsUser: 10001", "runAsUser: 1000", "its user is not the image's"),
        ("base/app.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runs as root"),
        ("base/app.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "writes to its file system"),
        ("base/app.yaml", "drop: [ALL]", "drop: []", "keeps capabilities"),
        ("base/app.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "is given variables of services"),
        ("base/app.yaml", "path: /health/ready", "path: /healthz", "the service has no such path"),
        ("base/app.yaml", "containerPort: 8000", "containerPort: 8080", "its ports are [8080, 9464]"),
        ("base/app.yaml", "Seconds: 35", "Seconds: 30", "app: has 30 seconds to stop, and may take 31"),
        ("base/app.yaml", "periodSeconds: 5", "periodSecond: 5", "'periodSecond' was unexpected"),
        ("base/app.yaml", "limits:", "limits:\n              cpu: 1", "memory has no limit, or CPU has one"),
        ("base/app.yaml", "name: settings", "name: setting", "takes its variables from configMapRef setting,"),
        ("base/app.yaml", "image: app", "image: shop", "a rollout does not find its image"),
        ("base/app.yaml", "maxUnavailable: 0", "maxUnavailable: 1", "is away for a while"),
        ("base/network.yaml", "[Ingress, Egress]", "[Ingress]", "what is not named is not denied"),
        ("base/network.yaml", "port: http", "port: https", "may be reached"),
        ("base/settings.env", "DRAIN_SECONDS=10", "DRAIN_SECONDS=60", "has 35 seconds to stop, and may take 81"),
        ("base/settings.env", "GRACE_SECONDS", "GRACE_SECOND", "GRACE_SECOND: .env.example does not know it"),
        ("overlays/production/settings.env", "# TRUSTED_HOSTS", "AUTH_KEYS", "AUTH_KEYS: is a secret"),
        ("overlays/production/settings.env", "ACCOUNT_MAIL_PAGE", "SHOP", "ACCOUNT_MAIL_PAGE: is needed, and nobody"),
        ("components/postgresql/migrate.yaml", "migrate]", "check]", "the jobs are"),
        ("components/postgresql/network.yaml", "5432", "5433", "nobody may reach port 5432"),
        ("components/postgresql/scale.yaml", "    name: app\n", "    name: web\n", "scales nothing"),
        ("components/postgresql/kustomization.yaml", "  - scale.yaml\n", "", "scale.yaml: no kustomization takes it"),
        ("components/valkey/network.yaml", "6379", "6380", "nobody may reach port 6379"),
        ("components/jobs/worker.yaml", "app, worker]", "app, work]", "the processes are"),
        ("components/jobs/worker.yaml", "Seconds: 30", "Seconds: 20", "worker: has 20 seconds to stop"),
        ("components/files/kustomization.yaml", "mountPath: /srv/files", "mountPath: /srv/file", "keeps ['/srv/file']"),
        ("components/observability/kustomization.yaml", "T=9464", "T=9465", "METRICS_PORT is not 9464"),
        ("components/observability/monitor.yaml", "/metrics", "/metric", "asks elsewhere"),
    ],
    "sqlite": [
        ("components/sqlite/one-node.yaml", "type: Recreate", "type: RollingUpdate", "two pods write to one file"),
        ("components/sqlite/one-node.yaml", "value: 1\n", "value: 2\n", "several pods write to one file"),
        ("components/sqlite/one-node.yaml", "app, migrate]", "app, check]", "is not migrated"),
        ("components/sqlite/kustomization.yaml", "component!=app", "component=web", "worker: is anywhere"),
        ("components/sqlite/kustomization.yaml", "/srv/data/app.db", "/srv/app.db", "DATABASE_URL is not"),
        ("components/sqlite/volume.yaml", "name: data", "name: date", "there is no PersistentVolumeClaim data"),
    ],
}


@pytest.fixture
def of_all(serve: Callable[[Answers], Service]) -> Callable[[str], Service]:
    """Give the service with all that there is, on a database."""
    return lambda database: serve(EVERYTHING | {"database": database})


@pytest.mark.parametrize(
    ("database", "broken"),
    [(database, broken) for database, every in BROKEN.items() for broken in every],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_what_is_not_so_is_seen(
    database: str, broken: tuple[str, str, str, str], of_all: Callable[[str], Service], tmp_path: Path
) -> None:
    path, old, new, words = broken
    expected = promised(of_all(database))
    files = dict(expected.files)
    assert old in files[f"{ROOT}/{path}"]
    files[f"{ROOT}/{path}"] = files[f"{ROOT}/{path}"].replace(old, new)
    for name, text in manifests_of(files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    deployed = Deployed(Promised(files, expected.answers), "production", built(tmp_path, "production"))
    assert words in "\n".join(manifests.problems(deployed) + loose_ends(manifests_of(files)))


@pytest.mark.parametrize(
    ("database", "old", "new", "words"),
    [
        ("postgresql", "internal_port = 8000", "internal_port = 8080", "the service does not listen there"),
        ("postgresql", "/health/ready", "/healthz", "/healthz: asks nothing of the service"),
        ("postgresql", "kill_timeout = 35", "kill_timeout = 25", "machines may take 30 seconds to stop"),
        ("postgresql", "SIGTERM", "SIGINT", "the service does not know that signal"),
        ("postgresql", "[env]", "[env]\nDRAINS = '1'", "DRAINS: .env.example does not know it"),
        ("postgresql", "[env]", "[env]\nAUTH_KEYS = 'a'", "AUTH_KEYS: is a secret"),
        ("postgresql", "app migrate", "app check", "nobody migrates"),
        ("postgresql", "app worker", "app work", "the processes are"),
        ("postgresql", "port = 9464", "port = 9465", "read at [9465]"),
        ("postgresql", "soft_limit", "softlimit", "softlimit: Fly has no such key"),
        ("postgresql", 'processes = ["app"]\nint', 'processes = ["web"]\nint', "web: no process"),
        ("sqlite", "app worker", "app work", "nobody does worker"),
        ("sqlite", "migrate || exit;", "migrate;", "it does not migrate before it serves"),
        ("sqlite", "/srv/data/files", "/srv/files", "FILES_URL: is not on the volume"),
    ],
)
def test_machines_that_are_not_so_are_seen(
    database: str, old: str, new: str, words: str, of_all: Callable[[str], Service]
) -> None:
    expected = promised(of_all(database))
    text = expected.files["fly.toml"]
    assert old in text
    broken = Promised(dict(expected.files) | {"fly.toml": text.replace(old, new)}, expected.answers)
    assert words in "\n".join(machines.problems(broken))


# A `kubectl` that asks no cluster: it writes down what it is told, and the migration fails where that is told.
STUB = """\
#!/bin/sh
[ "$1" = kustomize ] && exec {kubectl} "$@"
echo "$*" >>{calls}
case "$*" in
apply*) cp "$3" {applied} ;;
get*) echo deployment.apps/app ;;
wait*condition={other}*) exit 1 ;;
esac
"""


@dataclass(frozen=True)
class Rollout:
    """How a rollout ended, what it had `kubectl` do, and what was applied last."""

    ended: int
    calls: list[str]
    applied: str


def roll_out(service: Service, directory: Path, *, fails: bool = False) -> Rollout:
    stub, calls, applied = directory / "kubectl", directory / "calls", directory / "applied"
    other = "complete" if fails else "failed"
    stub.write_text(STUB.format(kubectl=TOOLS / "kubectl", calls=calls, applied=applied, other=other), encoding="utf-8")
    stub.chmod(0o755)
    ended = subprocess.run(
        ["sh", service.directory / ROOT / "rollout.sh", "production", "registry/shop:1"],
        env=os.environ | {"PATH": f"{directory}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    ).returncode
    told = calls.read_text(encoding="utf-8").replace(" --namespace product-api", "").splitlines()
    said = [re.sub(r" --(filename|timeout) \S+", "", call) for call in told]
    return Rollout(ended, said, applied.read_text(encoding="utf-8"))


FIRST = "apply --selector !app.kubernetes.io/component"
MIGRATION = [
    "delete job migrate --ignore-not-found",
    "apply --selector app.kubernetes.io/component=migrate",
    "wait job/migrate --for condition=complete",
]
LAST = ["apply", "get deployments --output name", "rollout status deployment.apps/app"]


def test_a_rollout_migrates_before_it_replaces_pods(of_all: Callable[[str], Service], tmp_path: Path) -> None:
    rollout = roll_out(of_all("postgresql"), tmp_path)
    assert (rollout.ended, rollout.calls) == (0, [FIRST, *MIGRATION, *LAST])
    images = {line.split("image: ")[1] for line in rollout.applied.splitlines() if "image: " in line}
    assert images == {"registry/shop:1"}


def test_a_rollout_ends_where_the_migration_fails(of_all: Callable[[str], Service], tmp_path: Path) -> None:
    rollout = roll_out(of_all("postgresql"), tmp_path, fails=True)
    looked = "wait job/migrate --for condition=failed"
    assert (rollout.ended, rollout.calls) == (1, [FIRST, *MIGRATION, looked, "logs job/migrate --tail 50"])


def test_where_pods_migrate_as_they_start_there_is_no_job(of_all: Callable[[str], Service], tmp_path: Path) -> None:
    rollout = roll_out(of_all("sqlite"), tmp_path)
    assert (rollout.ended, rollout.calls) == (0, [FIRST, *LAST])


@pytest.mark.parametrize("place", choices(questions()["deploy"]))
def test_a_pipeline_rolls_out_what_it_found_good(place: str, serve: Callable[[Answers], Service]) -> None:
    files = promised(serve(EVERYTHING | {"ci": "github"})).files
    workflow = yaml.safe_load(files[f".github/workflows/{place}.yml"])
    asked = workflow[True]["workflow_run"]  # YAML's `on`
    ci = yaml.safe_load(files[".github/workflows/ci.yml"])
    assert (asked["workflows"], asked["branches"]) == ([ci["name"]], ci[True]["push"]["branches"])
    first = next(job for job in workflow["jobs"].values() if "needs" not in job)
    assert first["if"].split(" && ") == [
        "github.event.workflow_run.event == 'push'",
        "github.event.workflow_run.conclusion == 'success'",
    ]
    included = yaml.safe_load(promised(serve(EVERYTHING | {"ci": "gitlab"})).files[".gitlab-ci.yml"])["include"]
    assert {"local": f".gitlab/{place}.yml"} in included


@pytest.mark.parametrize("path", [".github/workflows/kubernetes.yml", ".gitlab/kubernetes.yml"])
def test_a_pipeline_rolls_out_to_each_environment(path: str) -> None:
    described = yaml.safe_load(template_files()[path].read_text(encoding="utf-8"))
    jobs = described.get("jobs", described)
    assert [job["environment"] for job in jobs.values() if "environment" in job] == list(STAGES)
