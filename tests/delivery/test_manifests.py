"""Kubernetes manifests and `fly.toml` match the service's ports, probes, settings and volumes."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from extensions.slipway_template.answers import questions
from extensions.slipway_template.catalogue import FEATURES
from extensions.slipway_template.plan import plan
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.delivery import fly as machines
from tests.harness.delivery import kubernetes as manifests
from tests.harness.delivery.declared import Declared
from tests.harness.delivery.formats import read_yaml
from tests.harness.delivery.kubernetes import ROOT, STAGES, Environment, kustomize, schema_problems, unused_files
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
    """Return combinations of answers with a deployment platform: pairwise ones, and ones with every feature."""
    questionnaire = all_questions()
    everything = [questionnaire.default | EVERYTHING | {"database": name} for name in choices(questions()["database"])]
    return [answers for answers in [*questionnaire.covering(2), *everything] if place in answers["deploy"]]


def declared(service: Service) -> Declared:
    return Declared({path: file.content.decode() for path, file in service.files.items()}, service.answers)


def manifests_of(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith(ROOT)}


@pytest.mark.parametrize("answers", covering("kubernetes"), ids=all_questions().label)
def test_kubernetes_environment_matches_service(answers: Answers, serve: Callable[[Answers], Service]) -> None:
    service = serve(answers)
    expected = declared(service)
    problems = {
        stage: manifests.problems(Environment(expected, stage, kustomize(service.directory, stage))) for stage in STAGES
    }
    assert_no_findings(format_findings(problems | {"files": unused_files(manifests_of(dict(expected.files)))}))


@pytest.mark.parametrize("answers", covering("fly"), ids=all_questions().label)
def test_fly_config_matches_service(answers: Answers, serve: Callable[[Answers], Service]) -> None:
    assert_no_findings("\n".join(machines.problems(declared(serve(answers)))))


def test_manifests_validate_against_each_kubernetes_version(files: Files) -> None:
    def problem(file: DistinctFile) -> str:
        resources = read_yaml(file.text)
        assert isinstance(resources, list)
        return "; ".join(schema_problems([each for each in resources if "kind" in each and "metadata" in each]))

    assert_no_findings(files.problems(problem, f"/{ROOT}/base/*.yaml", f"/{ROOT}/components/*/*.yaml"))


def test_kubernetes_component_folders_match_features() -> None:
    place = f"{ROOT}/components/"
    folders = {name.removeprefix(place).split("/")[0] for name in template_files() if name.startswith(place)}
    assert folders == {feature.name for feature in FEATURES if feature.is_component}
    components = plan(all_questions().default | EVERYTHING)["components"]
    assert components[0] == "jobs"
    assert components[-1] == "postgresql"


# Wrong edits of a service with every feature, and the reported problem.
BROKEN = {
    "postgresql": [
        ("base/app.yaml", "runAsUser: 10001", "runAsUser: 1000", "user is not the image's"),
        ("base/app.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runs as root"),
        (
            "base/app.yaml",
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
            "root file system is writable",
        ),
        ("base/app.yaml", "drop: [ALL]", "drop: []", "does not drop all capabilities"),
        ("base/app.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "has service links enabled"),
        ("base/app.yaml", "path: /health/ready", "path: /healthz", "the service has no such path"),
        ("base/app.yaml", "containerPort: 8000", "containerPort: 8080", "its ports are [8080, 9464]"),
        ("base/app.yaml", "Seconds: 35", "Seconds: 30", "app: has 30 seconds to stop, needs 31"),
        ("base/app.yaml", "periodSeconds: 5", "periodSecond: 5", "'periodSecond' was unexpected"),
        ("base/app.yaml", "limits:", "limits:\n              cpu: 1", "memory has no limit, or CPU has one"),
        ("base/app.yaml", "name: settings", "name: setting", "reads variables from configMapRef setting,"),
        ("base/app.yaml", "image: app", "image: shop", "image is not the placeholder"),
        ("base/app.yaml", "maxUnavailable: 0", "maxUnavailable: 1", "is unavailable during a rollout"),
        ("base/network.yaml", "[Ingress, Egress]", "[Ingress]", "traffic is not denied by default"),
        ("base/network.yaml", "port: http", "port: https", "ingress is allowed to"),
        ("base/settings.env", "DRAIN_SECONDS=10", "DRAIN_SECONDS=60", "has 35 seconds to stop, needs 81"),
        ("base/settings.env", "GRACE_SECONDS", "GRACE_SECOND", "GRACE_SECOND: is missing in .env.example"),
        ("overlays/production/settings.env", "# TRUSTED_HOSTS", "AUTH_KEYS", "AUTH_KEYS: is a secret"),
        ("overlays/production/settings.env", "ACCOUNT_MAIL_PAGE", "SHOP", "ACCOUNT_MAIL_PAGE: is required and not set"),
        ("components/postgresql/migrate.yaml", "migrate]", "check]", "the jobs are"),
        ("components/postgresql/network.yaml", "5432", "5433", "egress to port 5432 is denied"),
        ("components/postgresql/scale.yaml", "    name: app\n", "    name: web\n", "scales nothing"),
        (
            "components/postgresql/kustomization.yaml",
            "  - scale.yaml\n",
            "",
            "scale.yaml: no kustomization references it",
        ),
        ("components/valkey/network.yaml", "6379", "6380", "egress to port 6379 is denied"),
        ("components/jobs/worker.yaml", "app, worker]", "app, work]", "the processes are"),
        ("components/jobs/worker.yaml", "Seconds: 30", "Seconds: 20", "worker: has 20 seconds to stop"),
        (
            "components/files/kustomization.yaml",
            "mountPath: /srv/files",
            "mountPath: /srv/file",
            "mounts ['/srv/file']",
        ),
        ("components/observability/kustomization.yaml", "T=9464", "T=9465", "METRICS_PORT is not 9464"),
        ("components/observability/monitor.yaml", "/metrics", "/metric", "scrapes another endpoint"),
    ],
    "sqlite": [
        ("components/sqlite/one-node.yaml", "type: Recreate", "type: RollingUpdate", "two pods write to one file"),
        ("components/sqlite/one-node.yaml", "value: 1\n", "value: 2\n", "several pods write to one file"),
        ("components/sqlite/one-node.yaml", "app, migrate]", "app, check]", "has no migration init container"),
        ("components/sqlite/kustomization.yaml", "component!=app", "component=web", "worker: has no affinity"),
        ("components/sqlite/kustomization.yaml", "/srv/data/app.db", "/srv/app.db", "DATABASE_URL is not"),
        ("components/sqlite/volume.yaml", "name: data", "name: date", "there is no PersistentVolumeClaim data"),
    ],
}


@pytest.fixture
def full_service(serve: Callable[[Answers], Service]) -> Callable[[str], Service]:
    """Return a function that renders a service with every feature and the given database."""
    return lambda database: serve(EVERYTHING | {"database": database})


@pytest.mark.parametrize(
    ("database", "broken"),
    [(database, broken) for database, every in BROKEN.items() for broken in every],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_wrong_manifest_is_reported(
    database: str, broken: tuple[str, str, str, str], full_service: Callable[[str], Service], tmp_path: Path
) -> None:
    path, old, new, words = broken
    expected = declared(full_service(database))
    files = dict(expected.files)
    assert old in files[f"{ROOT}/{path}"]
    files[f"{ROOT}/{path}"] = files[f"{ROOT}/{path}"].replace(old, new)
    for name, text in manifests_of(files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = Environment(Declared(files, expected.answers), "production", kustomize(tmp_path, "production"))
    assert words in "\n".join(manifests.problems(environment) + unused_files(manifests_of(files)))


@pytest.mark.parametrize(
    ("database", "old", "new", "words"),
    [
        ("postgresql", "internal_port = 8000", "internal_port = 8080", "internal_port is not the service's"),
        ("postgresql", "/health/ready", "/healthz", "/healthz: the service has no such path"),
        ("postgresql", "kill_timeout = 35", "kill_timeout = 25", "kill_timeout is less than 30 seconds"),
        ("postgresql", "SIGTERM", "SIGINT", "kill_signal is not SIGTERM"),
        ("postgresql", "[env]", "[env]\nDRAINS = '1'", "DRAINS: is missing in .env.example"),
        ("postgresql", "[env]", "[env]\nAUTH_KEYS = 'a'", "AUTH_KEYS: is a secret"),
        ("postgresql", "app migrate", "app check", "no release command migrates"),
        ("postgresql", "app worker", "app work", "the processes are"),
        ("postgresql", "port = 9464", "port = 9465", "scraped at [9465]"),
        ("postgresql", "soft_limit", "softlimit", "softlimit: Fly has no such key"),
        ("postgresql", 'processes = ["app"]\nint', 'processes = ["web"]\nint', "web: no process"),
        ("sqlite", "app worker", "app work", "worker is not run"),
        ("sqlite", "migrate || exit;", "migrate;", "app does not migrate before serving"),
        ("sqlite", "/srv/data/files", "/srv/files", "FILES_URL: is not on the volume"),
    ],
)
def test_wrong_fly_config_is_reported(
    database: str, old: str, new: str, words: str, full_service: Callable[[str], Service]
) -> None:
    expected = declared(full_service(database))
    text = expected.files["fly.toml"]
    assert old in text
    broken = Declared(dict(expected.files) | {"fly.toml": text.replace(old, new)}, expected.answers)
    assert words in "\n".join(machines.problems(broken))


# A stub of `kubectl` without a cluster: it logs its calls, and the migration can be made to fail.
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
    """A run of `rollout.sh`: its exit code, its `kubectl` calls, and the manifest applied last."""

    exit_code: int
    calls: list[str]
    applied: str


def roll_out(service: Service, directory: Path, *, fails: bool = False) -> Rollout:
    stub, calls, applied = directory / "kubectl", directory / "calls", directory / "applied"
    other = "complete" if fails else "failed"
    stub.write_text(STUB.format(kubectl=TOOLS / "kubectl", calls=calls, applied=applied, other=other), encoding="utf-8")
    stub.chmod(0o755)
    exit_code = subprocess.run(
        ["sh", service.directory / ROOT / "rollout.sh", "production", "registry/shop:1"],
        env=os.environ | {"PATH": f"{directory}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    ).returncode
    lines = calls.read_text(encoding="utf-8").replace(" --namespace product-api", "").splitlines()
    logged = [re.sub(r" --(filename|timeout) \S+", "", call) for call in lines]
    return Rollout(exit_code, logged, applied.read_text(encoding="utf-8"))


FIRST = "apply --selector !app.kubernetes.io/component"
MIGRATION = [
    "delete job migrate --ignore-not-found",
    "apply --selector app.kubernetes.io/component=migrate",
    "wait job/migrate --for condition=complete",
]
LAST = ["apply", "get deployments --output name", "rollout status deployment.apps/app"]


def test_rollout_migrates_before_replacing_pods(full_service: Callable[[str], Service], tmp_path: Path) -> None:
    rollout = roll_out(full_service("postgresql"), tmp_path)
    assert (rollout.exit_code, rollout.calls) == (0, [FIRST, *MIGRATION, *LAST])
    images = {line.split("image: ")[1] for line in rollout.applied.splitlines() if "image: " in line}
    assert images == {"registry/shop:1"}


def test_rollout_stops_at_failed_migration(full_service: Callable[[str], Service], tmp_path: Path) -> None:
    rollout = roll_out(full_service("postgresql"), tmp_path, fails=True)
    failed = "wait job/migrate --for condition=failed"
    assert (rollout.exit_code, rollout.calls) == (1, [FIRST, *MIGRATION, failed, "logs job/migrate --tail 50"])


def test_sqlite_rollout_has_no_migration_job(full_service: Callable[[str], Service], tmp_path: Path) -> None:
    rollout = roll_out(full_service("sqlite"), tmp_path)
    assert (rollout.exit_code, rollout.calls) == (0, [FIRST, *LAST])


@pytest.mark.parametrize("place", choices(questions()["deploy"]))
def test_deployment_requires_passed_ci(place: str, serve: Callable[[Answers], Service]) -> None:
    files = declared(serve(EVERYTHING | {"ci": "github"})).files
    workflow = yaml.safe_load(files[f".github/workflows/{place}.yml"])
    trigger = workflow[True]["workflow_run"]  # YAML's `on`
    ci = yaml.safe_load(files[".github/workflows/ci.yml"])
    assert (trigger["workflows"], trigger["branches"]) == ([ci["name"]], ci[True]["push"]["branches"])
    first = next(job for job in workflow["jobs"].values() if "needs" not in job)
    assert first["if"].split(" && ") == [
        "github.event.workflow_run.event == 'push'",
        "github.event.workflow_run.conclusion == 'success'",
    ]
    included = yaml.safe_load(declared(serve(EVERYTHING | {"ci": "gitlab"})).files[".gitlab-ci.yml"])["include"]
    assert {"local": f".gitlab/{place}.yml"} in included


@pytest.mark.parametrize("path", [".github/workflows/kubernetes.yml", ".gitlab/kubernetes.yml"])
def test_kubernetes_pipeline_deploys_to_each_environment(path: str) -> None:
    described = yaml.safe_load(template_files()[path].read_text(encoding="utf-8"))
    jobs = described.get("jobs", described)
    assert [job["environment"] for job in jobs.values() if "environment" in job] == list(STAGES)
