"""The plan: plain data for all files, computed from the answers, so that no shared file branches."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from .catalogue import OF_TYPES, OWNERSHIP, chosen
from .deployment import of_deployment
from .facts import domain_facts, requests
from .facts.tables import feature_facts
from .footprint import of_code
from .language.parsing import read_domain
from .organisation import standard
from .rules import holding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .catalogue.model import Command, Feature, Setting
    from .language.domain import Resources


def slug(name: str) -> str:
    """Derive the name of the distribution, repository and image: `Käse & Co` becomes `kase-co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "service"


def merged(features: Iterable[Feature], part: str) -> list[str]:
    """Sort together what each feature adds to one list of requirements."""
    return sorted({entry for feature in features for entry in getattr(feature, part)})


def required(features: Iterable[Feature], part: str) -> list[str]:
    """Sort likewise what is required, but for the last, which comes first.

    In a list that is in order, `uv add` puts a line in its place; else at the end, where the owner's lines are.
    """
    *others, last = merged(features, part)
    return [last, *others]


def reaching(server: str, features: list[Feature]) -> list[str]:
    """List the variables by which features reach a server."""
    return [variable for feature in features for variable, reached in feature.reaches.items() if reached == server]


def service(features: list[Feature]) -> dict[str, Any]:
    """Describe what the service's own container is given in `compose.yml`; what is empty is left out."""
    servers = {name: container for feature in features for name, container in feature.containers.items()}
    environment = {"ENVIRONMENT": "development"}
    for feature in features:
        environment |= feature.environment
    for name, container in servers.items():
        environment |= {key: value.format(host=name) for key, value in container.reached_by.items()}
        environment |= dict.fromkeys(reaching(name, features), container.address.format(host=name))
    given = {
        "environment": environment,
        "volumes": [f"{name}:{path}" for feature in features for name, path in feature.volumes.items()],
        "depends_on": {name: {"condition": "service_healthy"} for name in servers},
    }
    return {key: value for key, value in given.items() if value}


def distribution(name: str, features: Iterable[Feature]) -> str:
    """Keep a service that is called like a library from requiring itself."""
    lines = [line for feature in features for line in (*feature.runtime, *feature.test, *feature.lint)]
    return f"{name}-service" if name in {re.split(r"[^A-Za-z0-9-]", line)[0] for line in lines} else name


def compose(features: Iterable[Feature]) -> dict[str, Any]:
    """Describe the servers that stand beside the service in `compose.yml`."""
    return {
        name: {
            "image": container.image,
            **({"environment": dict(container.environment)} if container.environment else {}),
            "volumes": [f"{name}:{container.data}"],
            "healthcheck": {
                "test": ["CMD-SHELL", container.healthcheck],
                "interval": "2s",
                "timeout": "2s",
                "retries": 30,
            },
        }
        for feature in features
        for name, container in feature.containers.items()
    }


def containers(features: Iterable[Feature]) -> list[dict[str, Any]]:
    """List the servers of the pipeline's test job, and the variables by which the service and its tests reach them."""
    return [
        {
            "name": name,
            "image": container.image,
            "port": container.port,
            "environments": [dict(container.environment)] if container.environment else [],
            "healthcheck": container.healthcheck,
            "reached_by": {key: value.format(host=name) for key, value in container.reached_by.items()},
            "reached_locally_by": {key: value.format(host="localhost") for key, value in container.reached_by.items()},
            "tested_by": {key: value.format(host=name) for key, value in container.tested_by.items()},
            "tested_locally_by": {key: value.format(host="localhost") for key, value in container.tested_by.items()},
            "tried_by": list(container.tried_by),
        }
        for feature in features
        for name, container in feature.containers.items()
    ]


def of_types(resources: Resources) -> list[Feature]:
    """List what the types of the domain's fields ask for."""
    types = {field.type for resource in resources for field in resource.fields}
    return [feature for name, feature in OF_TYPES.items() if name in types]


def ordered(answers: Mapping[str, Any]) -> tuple[frozenset[str], Resources]:
    """Name what the service is built of, and read what it keeps; without accounts, nothing is anybody's own."""
    single = {answers[question] for question in ("database", "auth", "tasks")}
    names = frozenset({*single, *answers["features"]} - {"none"})
    domain = read_domain(answers["resources"])
    if not any(feature.guards for feature in chosen(names)):
        return names, tuple(replace(resource, owner=False) for resource in domain)
    return names | {OWNERSHIP.name} if any(resource.owner for resource in domain) else names, domain


def of_domain(resources: Resources, features: list[Feature]) -> dict[str, Any]:
    """Describe what the service keeps, in every layer, and the tables of the first revision."""
    described, tables = domain_facts(resources, guards=any(feature.guards for feature in features))
    return {
        "resources": described,
        "enumerations": [each for each in described if each["enums"]],
        "tables": [feature_facts(table) for feature in features for table in feature.tables] + tables,
        "late_tables": [table for table in tables if table["late"]],
        "late": [key for table in tables for key in table["late"]],
        "requests": requests(resources),
    }


def of_identity(features: list[Feature]) -> dict[str, Any]:
    """Describe how somebody signs in: a person who reads the README, the tests' client, and what `app dev` brings."""
    return {
        "players": {part: module for feature in features for part, module in feature.plays.items()},
        "signs_in": [feature.signs_in for feature in features if feature.signs_in],
        "beside": [
            {"name": module, "reached_by": reaching(feature.name, features)}
            for feature in features
            for module in feature.beside
        ],
        "authorized": "".join(f"{feature.shows} " for feature in features if feature.shows),
        "first_steps": [asdict(step) for feature in features for step in feature.first_steps],
    }


def typed(command: Command) -> dict[str, Any]:
    """Describe a command, and what is typed after its name."""
    return {**asdict(command), "takes": [asdict(argument) for argument in command.takes]}


def commented(setting: Setting) -> str:
    """Return the comment of a setting: its meaning, whether it is a secret, and whether its value is the default."""
    secret = ["Secret."] if setting.is_secret else []
    return " ".join([setting.meaning, *secret, setting.value_comment])


def page(feature: Feature) -> dict[str, Any]:
    """Return the facts of a feature's page, and the module or package that it explains."""
    return {"name": feature.name, "place": feature.explains, "summary": feature.summary}


def installed(feature: Feature) -> dict[str, str]:
    """Return the package and the name by which `app/main.py` imports an integration."""
    package, _, name = f"app.{feature.installs}".rpartition(".")
    return {"package": package, "name": name}


def of_parts(features: list[Feature]) -> dict[str, Any]:
    """List what is installed, required, set and explained."""
    settings = [setting for feature in features for setting in feature.settings]
    tested_with = [pair for feature in features for pair in feature.tested_with.items()]
    return {
        "commands": [typed(command) for feature in features for command in feature.commands],
        "processes": [asdict(process) for feature in features for process in feature.processes],
        "installs": [installed(feature) for feature in features if feature.installs],
        "watches": [feature.name for feature in features if feature.watches],
        "arguments": {name: value for feature in features for name, value in feature.arguments.items()},
        "explained": [page(feature) for feature in features if feature.explains],
        **{part: required(features, part) for part in ("runtime", "test", "lint")},
        "unimported": merged(features, "unimported"),
        "settings": [{"name": each.name, "example": each.example, "comment": commented(each)} for each in settings],
        "needed": [setting.name for setting in settings if setting.is_needed],
        "stand_ins": [{"name": each.name, "value": each.stand_in} for each in settings if each.stand_in],
        "exposed": merged(features, "exposes"),
        "filters": ["error", *(each for feature in features for each in feature.tolerates)],
        "test_environment": [{"name": name, "value": value} for name, value in tested_with],
    }


def of_servers(features: list[Feature]) -> dict[str, Any]:
    """Describe the service's container, and the servers that stand beside it."""
    return {
        "service": service(features),
        "directories": {name: path for feature in features for name, path in feature.volumes.items()},
        "built_with": {name: argument for feature in features for name, argument in feature.built_with.items()},
        "volumes": {name: {} for feature in features for name in (*feature.containers, *feature.volumes)},
        "compose": compose(features),
        "containers": containers(features),
    }


def of_guidance(features: list[Feature]) -> dict[str, Any]:
    """Tell whoever changes the code what is easily done wrong, what must not be, and what the template keeps."""
    names = [feature.name for feature in features]
    return {
        "guidance": [line for feature in features for line in feature.guidance],
        "rules": [{"says": rule.says, "check": rule.check} for rule in holding(names)],
        "footprint": of_code(names),
    }


def plan(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the answers into all that the shared files print."""
    names, resources = ordered(answers)
    features = [*chosen(names), *of_types(resources), standard().feature]
    return {
        **of_domain(resources, features),
        "title": answers["project_name"],
        "slug": distribution(slug(answers["project_name"]), features),
        "description": answers["project_description"],
        "database": answers["database"],
        "counting": next((feature.counts for feature in features if feature.counts), "app.filtering"),
        "identity": answers["auth"],
        "broker": answers["tasks"],
        "names": sorted(names),
        **of_identity(features),
        **of_parts(features),
        **of_servers(features),
        **of_guidance(features),
        **of_deployment(features, slug(answers["project_name"])),
        **standard().printed,
    }
