"""The manifests of a service: what kustomize makes of them, and what they say of the service that is not so.

A finding is a line for whoever mends it. What the service is, `promises.py` tells.
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

from tests.harness.delivery.declared import VARIABLE, Promised, unless
from tests.harness.delivery.formats import read_yaml
from tests.harness.findings import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ROOT = "deploy/kubernetes"
STAGES = ("staging", "production")
VERSIONS = ("1.31", "1.34", "1.37")  # of Kubernetes: the oldest that is still met, and newer ones
PLACEHOLDER = "app"  # for the image, which a rollout puts in its place
SCHEMAS = files_of("kubernetes_validate") / "kubernetes-json-schema"
GROUP = re.compile(r"^([^./]*)(?:\.[^/]*)?/")  # of an API, whose first part names its schemas
WITHOUT_SCHEMA = {"PodMonitor"}  # a definition that a cluster gets from elsewhere
Resource = dict[str, Any]


@cache
def read_schema(version: str, name: str) -> Any:  # noqa: ANN401 - whatever is there
    return json.loads((SCHEMAS / f"v{version}.0-local-strict" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def definitions(version: str) -> Registry[Any]:
    shared: Registry[Any] = Registry()
    return referencing.Resource.from_contents(read_schema(version, "_definitions")) @ shared


@cache
def validator(version: str, kind: str, api: str) -> Draft202012Validator:
    """Give what judges resources of a kind.

    Raises:
        FileNotFoundError: a Kubernetes of this version knows none.
    """
    schema = read_schema(version, f"{kind}-{api}".lower())
    return Draft202012Validator(schema, registry=referencing.Resource.from_contents(schema) @ definitions(version))


@cache  # for many environments have the same resources
def schema_problem(written: str, version: str) -> str:
    """Say what of a resource a Kubernetes of this version does not know."""
    resource = json.loads(written)
    if resource["kind"] in WITHOUT_SCHEMA:
        return ""
    try:
        judge = validator(version, resource["kind"], GROUP.sub(r"\1-", resource["apiVersion"]))
    except FileNotFoundError:
        return f"{name_of(resource)}, {version}: there is no such kind in {resource['apiVersion']}"
    found = next(judge.iter_errors(resource), None)
    return f"{name_of(resource)}, {version}: {found.json_path}: {found.message}" if found else ""


def schema_problems(resources: list[Resource]) -> list[str]:
    written = [json.dumps(resource, sort_keys=True) for resource in resources]
    return [found for text in written for version in VERSIONS if (found := schema_problem(text, version))]


def name_of(resource: Resource) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"


def loose_ends(files: Mapping[str, str]) -> list[str]:
    """List the files that no kustomization takes; those that it misses, kustomize itself does not forgive."""
    taken = {f"{ROOT}/rollout.sh"} | {f"{ROOT}/overlays/{stage}/kustomization.yaml" for stage in STAGES}
    for path, text in files.items():
        if posixpath.basename(path) == "kustomization.yaml":
            taken |= {posixpath.normpath(f"{posixpath.dirname(path)}/{each}") for each in listed(yaml.safe_load(text))}
    taken |= {f"{each}/kustomization.yaml" for each in taken}
    return [f"{path}: no kustomization takes it" for path in sorted(files.keys() - taken)]


def listed(kustomization: Resource) -> Iterator[str]:
    yield from kustomization.get("resources", [])
    yield from kustomization.get("components", [])
    yield from (patch["path"] for patch in kustomization.get("patches", []) if "path" in patch)
    for generator in kustomization.get("configMapGenerator", []):
        yield from generator.get("envs", [])


def built(directory: Path, stage: str) -> list[Resource]:
    """Have kustomize put an environment together; where it refuses, its words say why."""
    command = (TOOLS / "kubectl", "kustomize", directory / ROOT / "overlays" / stage)
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    found = read_yaml(outcome.stdout)
    assert isinstance(found, list)
    return found


@dataclass(frozen=True)
class Deployed:
    """An environment as kustomize puts it together, beside the service that it is to run."""

    promised: Promised
    stage: str
    resources: list[Resource] = field(repr=False)

    def of(self, kind: str) -> dict[str, Resource]:
        return {each["metadata"]["name"]: each for each in self.resources if each["kind"] == kind}

    @cached_property
    def settings(self) -> dict[str, str]:
        [found] = self.of("ConfigMap").values()
        data: dict[str, str] = found["data"]
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


def rights(deployed: Deployed) -> Iterator[str]:
    """Hold every pod to the `restricted` Pod Security Standard, and to what the image is made for."""
    user = deployed.promised.image.user
    for workload in deployed.workloads:
        pod, name = pod_of(workload), name_of(workload)
        context = pod["securityContext"]
        yield from unless(context["runAsNonRoot"] is True, f"{name}: runs as root")
        yield from unless(context["runAsUser"] == context["runAsGroup"] == user, f"{name}: its user is not the image's")
        yield from unless(context["seccompProfile"]["type"] == "RuntimeDefault", f"{name}: no seccomp profile")
        yield from unless(pod["automountServiceAccountToken"] is False, f"{name}: has a token of the cluster")
        yield from unless(pod["enableServiceLinks"] is False, f"{name}: is given variables of services")
    for name, container in deployed.containers():
        context = container["securityContext"]
        yield from unless(context["allowPrivilegeEscalation"] is False, f"{name}: may become more")
        yield from unless(context["readOnlyRootFilesystem"] is True, f"{name}: writes to its file system")
        yield from unless(context["capabilities"] == {"drop": ["ALL"]}, f"{name}: keeps capabilities")
        yield from unless("/tmp" in mounts(container), f"{name}: has no /tmp")  # noqa: S108 - the image's own


def mounts(container: Resource) -> set[str]:
    return {mount["mountPath"] for mount in container.get("volumeMounts", [])}


def resources(deployed: Deployed) -> Iterator[str]:
    """Ask for processor and memory, bound memory alone."""
    for name, container in deployed.containers():
        found = container["resources"]
        yield from unless(found["requests"].keys() == {"cpu", "memory"}, f"{name}: does not say what it needs")
        yield from unless(found["limits"].keys() == {"memory"}, f"{name}: memory has no limit, or CPU has one")


def probes(deployed: Deployed) -> Iterator[str]:
    [container] = pod_of(deployed.of("Deployment")["app"])["containers"]
    expected = {"startupProbe": "/health/live", "readinessProbe": "/health/ready", "livenessProbe": "/health/live"}
    for probe, path in expected.items():
        found = container.get(probe, {}).get("httpGet", {})
        yield from unless(found == {"path": path, "port": "http"}, f"{probe}: does not ask {path}")
        yield from unless(found.get("path") in deployed.promised.image.probes, f"{probe}: the service has no such path")


def ports(deployed: Deployed) -> Iterator[str]:
    """Name the ports at which the image and what it is built of listen, and lead the Service to the first."""
    promised = deployed.promised
    for name, workload in deployed.of("Deployment").items():
        [container] = pod_of(workload)["containers"]
        found = {each["containerPort"] for each in container.get("ports", [])}
        expected = {promised.image.port} if name == "app" else set()
        yield from unless(found == expected | set(promised.ports.values()), f"{name}: its ports are {sorted(found)}")
    for variable, port in promised.ports.items():
        yield from unless(deployed.settings.get(variable) == str(port), f"{variable} is not {port}")
    [port] = deployed.of("Service")["app"]["spec"]["ports"]
    yield from unless(port["targetPort"] == "http", "Service app: leads nowhere")
    for monitor in deployed.of("PodMonitor").values():
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        yield from unless(endpoint == {"port": "metrics", "path": "/metrics"}, "PodMonitor app: asks elsewhere")


def patience(deployed: Deployed) -> Iterator[str]:
    """Give each process the time that it may take to stop."""
    drain = sum(int(deployed.settings.get(name, "1000")) for name in ("DRAIN_SECONDS", "GRACE_SECONDS"))
    for name, workload in deployed.of("Deployment").items():
        least = deployed.promised.graces.get(name, drain + 1)
        given = pod_of(workload).get("terminationGracePeriodSeconds", 0)
        yield from unless(given >= least, f"{name}: has {given} seconds to stop, and may take {least}")


def settings(deployed: Deployed) -> Iterator[str]:
    promised = deployed.promised
    written = {
        name
        for path, text in promised.files.items()
        if path in {f"{ROOT}/base/settings.env", f"{ROOT}/overlays/{deployed.stage}/settings.env"}
        for name in VARIABLE.findall(text)
    }
    for name in sorted((written | deployed.settings.keys()) - promised.settings):
        yield f"{name}: .env.example does not know it"
    for name in sorted((written | deployed.settings.keys()) & promised.secrets):
        yield f"{name}: is a secret"
    for name in sorted(set(promised.plan["needed"]) - promised.secrets - written - deployed.settings.keys()):
        yield f"{name}: is needed, and nobody is told"


def references(deployed: Deployed) -> Iterator[str]:
    """Lead every name to something that is there, but for the Secret, which its owner makes."""
    named = {f"{each['kind']} {each['metadata']['name']}" for each in deployed.resources}
    for name, found in deployed.containers():
        sources = [f"{kind} {ref['name']}" for each in found["envFrom"] for kind, ref in each.items()]
        expected = {f"configMapRef {next(iter(deployed.of('ConfigMap')))}", "secretRef app"}
        yield from unless(set(sources) == expected, f"{name}: takes its variables from {', '.join(sources)}")
        yield from unless(found["image"] == PLACEHOLDER, f"{name}: a rollout does not find its image")
    for workload in deployed.workloads:
        pod = pod_of(workload)
        claims = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "emptyDir" not in each]
        wanted = [f"ServiceAccount {pod['serviceAccountName']}", *(f"PersistentVolumeClaim {each}" for each in claims)]
        yield from (f"{name_of(workload)}: there is no {each}" for each in wanted if each not in named)
    for scaler in deployed.of("HorizontalPodAutoscaler").values():
        target = scaler["spec"]["scaleTargetRef"]
        yield from unless(f"{target['kind']} {target['name']}" in named, f"{name_of(scaler)}: scales nothing")
    for selecting, selector in selectors(deployed):
        selected = any(selector.items() <= labels_of(each).items() for each in deployed.workloads)
        yield from unless(selected, f"{selecting}: selects nothing")


def selectors(deployed: Deployed) -> Iterator[tuple[str, dict[str, str]]]:
    for each in deployed.resources:
        spec = each.get("spec", {})
        match each["kind"]:
            case "Service":
                yield name_of(each), spec["selector"]
            case "Deployment" | "PodDisruptionBudget":
                yield name_of(each), spec["selector"]["matchLabels"]
            case "NetworkPolicy":
                yield name_of(each), spec["podSelector"].get("matchLabels", {})


def processes(deployed: Deployed) -> Iterator[str]:
    """Run the service and each of its further processes, and nothing else."""
    found = {name: pod_of(each)["containers"][0].get("command") for name, each in deployed.of("Deployment").items()}
    others = {name: ["python", "-m", "app", name] for name in deployed.promised.graces}
    yield from unless(found == {"app": None} | others, f"the processes are {found}")


def database(deployed: Deployed) -> Iterator[str]:
    """Migrate before anything serves; run in one place what is in one file, and in several what is not."""
    promised = deployed.promised
    migrate = ["python", "-m", "app", "migrate"]
    jobs = [pod_of(job)["containers"][0]["command"] for job in deployed.of("Job").values()]
    several = sorted({*deployed.of("HorizontalPodAutoscaler"), *deployed.of("PodDisruptionBudget")})
    yield from unless(jobs == ([] if promised.is_one_file else [migrate]), f"the jobs are {jobs}")
    yield from unless(several == ([] if promised.is_one_file else ["app"]), f"{several} come and go")
    for name, workload in deployed.of("Deployment").items():
        spec, before = workload["spec"], pod_of(workload).get("initContainers", [])
        if promised.is_one_file:
            yield from unless(spec["strategy"] == {"type": "Recreate"}, f"{name}: two pods write to one file")
            yield from unless(spec.get("replicas") == 1, f"{name}: several pods write to one file")
            yield from unless([each["command"] for each in before] == [migrate], f"{name}: is not migrated")
            yield from unless("affinity" in pod_of(workload) or name == "app", f"{name}: is anywhere")
        else:
            yield from unless(
                spec["strategy"].get("rollingUpdate", {}).get("maxUnavailable") == 0, f"{name}: is away for a while"
            )


def volumes(deployed: Deployed) -> Iterator[str]:
    kept = deployed.promised.plan["directories"]
    for name, workload in deployed.of("Deployment").items():
        [container] = pod_of(workload)["containers"]
        found = mounts(container) - {"/tmp"}  # noqa: S108
        yield from unless(found == set(kept.values()), f"{name}: keeps {sorted(found)}")
    yield from unless(deployed.of("PersistentVolumeClaim").keys() == kept.keys(), "the volumes have other names")
    for feature in deployed.promised.features:
        for variable, value in feature.environment.items() if feature.volumes else ():
            yield from unless(deployed.settings.get(variable) == value, f"{variable} is not {value}")


def network(deployed: Deployed) -> Iterator[str]:
    """Deny what is not named; name every server that the service has, and where it listens."""
    policies = deployed.of("NetworkPolicy")
    denied = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    yield from unless(policies.get("default-deny", {}).get("spec") == denied, "what is not named is not denied")
    out = {
        port["port"] for each in policies.values() for rule in each["spec"].get("egress", []) for port in rule["ports"]
    }
    needed = {53, 443} | {server["port"] for server in deployed.promised.plan["containers"]}
    yield from (f"nobody may reach port {port}" for port in sorted(needed - out))
    into = {
        port["port"] for each in policies.values() for rule in each["spec"].get("ingress", []) for port in rule["ports"]
    }
    yield from unless(into == {"http", *deployed.promised.ports.values()}, f"{into} may be reached")


def names(deployed: Deployed) -> Iterator[str]:
    for each in deployed.resources:
        labels = each["metadata"].get("labels", {})
        yield from unless("app.kubernetes.io/name" in labels, f"{name_of(each)}: does not say whose it is")
        yield from unless("namespace" in each["metadata"], f"{name_of(each)}: is in no namespace")
    namespace = deployed.resources[0]["metadata"]["namespace"]
    yield from unless(
        re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", namespace) is not None, f"{namespace}: no name"
    )


CHECKS: tuple[Callable[[Deployed], Iterator[str]], ...] = (
    *(rights, resources, probes, ports, patience, settings, references),
    *(processes, database, volumes, network, names),
)


def problems(deployed: Deployed) -> list[str]:
    """List all that is wrong with an environment."""
    return schema_problems(deployed.resources) + [found for check in CHECKS for found in check(deployed)]
