"""Check a service's Kubernetes manifests, as kustomize builds them, against what the service declares.

A finding is one line. The expected values come from `declared.py`.
"""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files as files_of
from typing import TYPE_CHECKING, Any

import referencing
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry

from tests.harness.delivery.declared import VARIABLE, Declared, unless
from tests.harness.delivery.formats import read_yaml
from tests.harness.findings import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ROOT = "deploy/kubernetes"
STAGES = ("staging", "production")
VERSIONS = ("1.31", "1.34", "1.37")  # of Kubernetes: the oldest in use, and newer ones
PLACEHOLDER = "app"  # for the image; a rollout replaces it
SCHEMAS = files_of("kubernetes_validate") / "kubernetes-json-schema"
GROUP = re.compile(r"^([^./]*)(?:\.[^/]*)?/")  # of an API; schemas are named by its first part
WITHOUT_SCHEMA = {"PodMonitor"}  # a custom resource
Resource = dict[str, Any]


@cache
def read_schema(version: str, name: str) -> Any:  # noqa: ANN401 - any schema
    return json.loads((SCHEMAS / f"v{version}.0-local-strict" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def definitions(version: str) -> Registry[Any]:
    shared: Registry[Any] = Registry()
    return referencing.Resource.from_contents(read_schema(version, "_definitions")) @ shared


@cache
def validator(version: str, kind: str, api: str) -> Draft202012Validator:
    """Return the JSON Schema validator of a kind of Kubernetes resource.

    Raises:
        FileNotFoundError: this version of Kubernetes has no such kind.
    """
    schema = read_schema(version, f"{kind}-{api}".lower())
    return Draft202012Validator(schema, registry=referencing.Resource.from_contents(schema) @ definitions(version))


@cache  # many environments share resources
def schema_problem(serialized: str, version: str) -> str:
    """Return the first schema error of a resource in a version of Kubernetes, or an empty string."""
    resource = json.loads(serialized)
    if resource["kind"] in WITHOUT_SCHEMA:
        return ""
    try:
        schema = validator(version, resource["kind"], GROUP.sub(r"\1-", resource["apiVersion"]))
    except FileNotFoundError:
        return f"{name_of(resource)}, {version}: there is no such kind in {resource['apiVersion']}"
    error = next(schema.iter_errors(resource), None)
    return f"{name_of(resource)}, {version}: {error.json_path}: {error.message}" if error else ""


def schema_problems(resources: list[Resource]) -> list[str]:
    serialized = [json.dumps(resource, sort_keys=True) for resource in resources]
    return [problem for text in serialized for version in VERSIONS if (problem := schema_problem(text, version))]


def name_of(resource: Resource) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"


def unused_files(files: Mapping[str, str]) -> list[str]:
    """Return a problem for each manifest file that no kustomization references."""
    used = {f"{ROOT}/rollout.sh"} | {f"{ROOT}/overlays/{stage}/kustomization.yaml" for stage in STAGES}
    for path, text in files.items():
        if posixpath.basename(path) == "kustomization.yaml":
            used |= {
                posixpath.normpath(f"{posixpath.dirname(path)}/{each}")
                for each in referenced_files(yaml.safe_load(text))
            }
    used |= {f"{each}/kustomization.yaml" for each in used}
    return [f"{path}: no kustomization references it" for path in sorted(files.keys() - used)]


def referenced_files(kustomization: Resource) -> Iterator[str]:
    yield from kustomization.get("resources", [])
    yield from kustomization.get("components", [])
    yield from (patch["path"] for patch in kustomization.get("patches", []) if "path" in patch)
    for generator in kustomization.get("configMapGenerator", []):
        yield from generator.get("envs", [])


def kustomize(directory: Path, stage: str) -> list[Resource]:
    """Return the resources of an environment, built by `kubectl kustomize`."""
    command = (TOOLS / "kubectl", "kustomize", directory / ROOT / "overlays" / stage)
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    resources = read_yaml(outcome.stdout)
    assert isinstance(resources, list)
    return resources


@dataclass(frozen=True)
class Environment:
    """The Kubernetes resources of an environment, and the properties that the service declares."""

    declared: Declared
    stage: str
    resources: list[Resource] = field(repr=False)

    def by_kind(self, kind: str) -> dict[str, Resource]:
        return {each["metadata"]["name"]: each for each in self.resources if each["kind"] == kind}

    @cached_property
    def settings(self) -> dict[str, str]:
        [config_map] = self.by_kind("ConfigMap").values()
        data: dict[str, str] = config_map["data"]
        return data

    @cached_property
    def workloads(self) -> list[Resource]:
        return [each for each in self.resources if each["kind"] in {"Deployment", "Job"}]

    def containers(self) -> Iterator[tuple[str, Resource]]:
        for workload in self.workloads:
            pod = pod_of(workload)
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                yield f"{name_of(workload)}, {container['name']}", container


def pod_of(workload: Resource) -> Resource:
    pod: Resource = workload["spec"]["template"]["spec"]
    return pod


def labels_of(workload: Resource) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def pod_security(environment: Environment) -> Iterator[str]:
    """Check pods against the `restricted` Pod Security Standard and the image's user."""
    user = environment.declared.image.user
    for workload in environment.workloads:
        pod, name = pod_of(workload), name_of(workload)
        context = pod["securityContext"]
        yield from unless(context["runAsNonRoot"] is True, f"{name}: runs as root")
        yield from unless(context["runAsUser"] == context["runAsGroup"] == user, f"{name}: user is not the image's")
        yield from unless(context["seccompProfile"]["type"] == "RuntimeDefault", f"{name}: no seccomp profile")
        yield from unless(pod["automountServiceAccountToken"] is False, f"{name}: mounts a service account token")
        yield from unless(pod["enableServiceLinks"] is False, f"{name}: has service links enabled")
    for name, container in environment.containers():
        context = container["securityContext"]
        yield from unless(context["allowPrivilegeEscalation"] is False, f"{name}: allows privilege escalation")
        yield from unless(context["readOnlyRootFilesystem"] is True, f"{name}: root file system is writable")
        yield from unless(context["capabilities"] == {"drop": ["ALL"]}, f"{name}: does not drop all capabilities")
        yield from unless("/tmp" in mounts(container), f"{name}: has no /tmp")  # noqa: S108 - the image's own


def mounts(container: Resource) -> set[str]:
    return {mount["mountPath"] for mount in container.get("volumeMounts", [])}


def resources(environment: Environment) -> Iterator[str]:
    """Check that containers request CPU and memory, limit memory, and do not limit CPU."""
    for name, container in environment.containers():
        resources = container["resources"]
        yield from unless(resources["requests"].keys() == {"cpu", "memory"}, f"{name}: lacks requests")
        yield from unless(resources["limits"].keys() == {"memory"}, f"{name}: memory has no limit, or CPU has one")


def probes(environment: Environment) -> Iterator[str]:
    [container] = pod_of(environment.by_kind("Deployment")["app"])["containers"]
    expected = {"startupProbe": "/health/live", "readinessProbe": "/health/ready", "livenessProbe": "/health/live"}
    for probe, path in expected.items():
        request = container.get(probe, {}).get("httpGet", {})
        yield from unless(request == {"path": path, "port": "http"}, f"{probe}: does not request {path}")
        yield from unless(
            request.get("path") in environment.declared.image.probes, f"{probe}: the service has no such path"
        )


def ports(environment: Environment) -> Iterator[str]:
    """Check container ports, port settings, the Service's target and the scraped endpoint."""
    declared = environment.declared
    for name, workload in environment.by_kind("Deployment").items():
        [container] = pod_of(workload)["containers"]
        actual = {each["containerPort"] for each in container.get("ports", [])}
        expected = {declared.image.port} if name == "app" else set()
        yield from unless(actual == expected | set(declared.ports.values()), f"{name}: its ports are {sorted(actual)}")
    for variable, port in declared.ports.items():
        yield from unless(environment.settings.get(variable) == str(port), f"{variable} is not {port}")
    [port] = environment.by_kind("Service")["app"]["spec"]["ports"]
    yield from unless(port["targetPort"] == "http", "Service app: does not target port http")
    for monitor in environment.by_kind("PodMonitor").values():
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        yield from unless(
            endpoint == {"port": "metrics", "path": "/metrics"}, "PodMonitor app: scrapes another endpoint"
        )


def grace_periods(environment: Environment) -> Iterator[str]:
    """Check that each termination grace period exceeds the time that the process needs to stop."""
    drain = sum(int(environment.settings.get(name, "1000")) for name in ("DRAIN_SECONDS", "GRACE_SECONDS"))
    for name, workload in environment.by_kind("Deployment").items():
        least = environment.declared.graces.get(name, drain + 1)
        grace = pod_of(workload).get("terminationGracePeriodSeconds", 0)
        yield from unless(grace >= least, f"{name}: has {grace} seconds to stop, needs {least}")


def settings(environment: Environment) -> Iterator[str]:
    declared = environment.declared
    written = {
        name
        for path, text in declared.files.items()
        if path in {f"{ROOT}/base/settings.env", f"{ROOT}/overlays/{environment.stage}/settings.env"}
        for name in VARIABLE.findall(text)
    }
    for name in sorted((written | environment.settings.keys()) - declared.settings):
        yield f"{name}: is missing in .env.example"
    for name in sorted((written | environment.settings.keys()) & declared.secrets):
        yield f"{name}: is a secret"
    for name in sorted(set(declared.plan["needed"]) - declared.secrets - written - environment.settings.keys()):
        yield f"{name}: is required and not set"


def references(environment: Environment) -> Iterator[str]:
    """Check that every referenced name exists, except for the Secret, which the operator creates."""
    named = {f"{each['kind']} {each['metadata']['name']}" for each in environment.resources}
    for name, container in environment.containers():
        sources = [f"{kind} {ref['name']}" for each in container["envFrom"] for kind, ref in each.items()]
        expected = {f"configMapRef {next(iter(environment.by_kind('ConfigMap')))}", "secretRef app"}
        yield from unless(set(sources) == expected, f"{name}: reads variables from {', '.join(sources)}")
        yield from unless(container["image"] == PLACEHOLDER, f"{name}: image is not the placeholder")
    for workload in environment.workloads:
        pod = pod_of(workload)
        claims = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "emptyDir" not in each]
        required = [
            f"ServiceAccount {pod['serviceAccountName']}",
            *(f"PersistentVolumeClaim {each}" for each in claims),
        ]
        yield from (f"{name_of(workload)}: there is no {each}" for each in required if each not in named)
    for scaler in environment.by_kind("HorizontalPodAutoscaler").values():
        target = scaler["spec"]["scaleTargetRef"]
        yield from unless(f"{target['kind']} {target['name']}" in named, f"{name_of(scaler)}: scales nothing")
    for selecting, selector in selectors(environment):
        selected = any(selector.items() <= labels_of(each).items() for each in environment.workloads)
        yield from unless(selected, f"{selecting}: selects nothing")


def selectors(environment: Environment) -> Iterator[tuple[str, dict[str, str]]]:
    for each in environment.resources:
        spec = each.get("spec", {})
        match each["kind"]:
            case "Service":
                yield name_of(each), spec["selector"]
            case "Deployment" | "PodDisruptionBudget":
                yield name_of(each), spec["selector"]["matchLabels"]
            case "NetworkPolicy":
                yield name_of(each), spec["podSelector"].get("matchLabels", {})


def processes(environment: Environment) -> Iterator[str]:
    """Check that there is one Deployment for the service and one for each further process."""
    commands = {
        name: pod_of(each)["containers"][0].get("command") for name, each in environment.by_kind("Deployment").items()
    }
    others = {name: ["python", "-m", "app", name] for name in environment.declared.graces}
    yield from unless(commands == {"app": None} | others, f"the processes are {commands}")


def database(environment: Environment) -> Iterator[str]:
    """Check that migrations run before the service, and that a service with a database file has one replica."""
    declared = environment.declared
    migrate = ["python", "-m", "app", "migrate"]
    jobs = [pod_of(job)["containers"][0]["command"] for job in environment.by_kind("Job").values()]
    several = sorted({*environment.by_kind("HorizontalPodAutoscaler"), *environment.by_kind("PodDisruptionBudget")})
    yield from unless(jobs == ([] if declared.is_single_file else [migrate]), f"the jobs are {jobs}")
    yield from unless(several == ([] if declared.is_single_file else ["app"]), f"{several} are scaled")
    for name, workload in environment.by_kind("Deployment").items():
        spec, before = workload["spec"], pod_of(workload).get("initContainers", [])
        if declared.is_single_file:
            yield from unless(spec["strategy"] == {"type": "Recreate"}, f"{name}: two pods write to one file")
            yield from unless(spec.get("replicas") == 1, f"{name}: several pods write to one file")
            yield from unless(
                [each["command"] for each in before] == [migrate], f"{name}: has no migration init container"
            )
            yield from unless(
                "affinity" in pod_of(workload) or name == "app", f"{name}: has no affinity to the volume's node"
            )
        else:
            yield from unless(
                spec["strategy"].get("rollingUpdate", {}).get("maxUnavailable") == 0,
                f"{name}: is unavailable during a rollout",
            )


def volumes(environment: Environment) -> Iterator[str]:
    expected = environment.declared.plan["directories"]
    for name, workload in environment.by_kind("Deployment").items():
        [container] = pod_of(workload)["containers"]
        actual = mounts(container) - {"/tmp"}  # noqa: S108
        yield from unless(actual == set(expected.values()), f"{name}: mounts {sorted(actual)}")
    yield from unless(
        environment.by_kind("PersistentVolumeClaim").keys() == expected.keys(), "names of volume claims differ"
    )
    for feature in environment.declared.features:
        for variable, value in feature.environment.items() if feature.volumes else ():
            yield from unless(environment.settings.get(variable) == value, f"{variable} is not {value}")


def network(environment: Environment) -> Iterator[str]:
    """Check that network policies deny by default, and allow egress to servers and ingress to ports."""
    policies = environment.by_kind("NetworkPolicy")
    denied = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    yield from unless(policies.get("default-deny", {}).get("spec") == denied, "traffic is not denied by default")
    egress = {
        port["port"] for each in policies.values() for rule in each["spec"].get("egress", []) for port in rule["ports"]
    }
    needed = {53, 443} | {server["port"] for server in environment.declared.plan["containers"]}
    yield from (f"egress to port {port} is denied" for port in sorted(needed - egress))
    ingress = {
        port["port"] for each in policies.values() for rule in each["spec"].get("ingress", []) for port in rule["ports"]
    }
    yield from unless(ingress == {"http", *environment.declared.ports.values()}, f"ingress is allowed to {ingress}")


def names(environment: Environment) -> Iterator[str]:
    for each in environment.resources:
        labels = each["metadata"].get("labels", {})
        yield from unless("app.kubernetes.io/name" in labels, f"{name_of(each)}: lacks label app.kubernetes.io/name")
        yield from unless("namespace" in each["metadata"], f"{name_of(each)}: has no namespace")
    namespace = environment.resources[0]["metadata"]["namespace"]
    yield from unless(
        re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", namespace) is not None, f"{namespace}: invalid namespace"
    )


CHECKS: tuple[Callable[[Environment], Iterator[str]], ...] = (
    *(pod_security, resources, probes, ports, grace_periods, settings, references),
    *(processes, database, volumes, network, names),
)


def problems(environment: Environment) -> list[str]:
    """Return the schema errors of an environment's resources, and the problems that `CHECKS` find."""
    return schema_problems(environment.resources) + [problem for check in CHECKS for problem in check(environment)]
