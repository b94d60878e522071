"""Compute the Jinja context of all templates from the answers.

The context is plain data without conditions on features.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from copier.errors import UserMessageError

from .answers import auth_problem
from .catalogue import OF_TYPES, OWNERSHIP, chosen
from .deployment import deployment_facts
from .facts import domain_facts, readers, requests
from .facts.tables import feature_facts
from .footprint import code_paths
from .language.parsing import read_domain
from .organisation import standard
from .rules import rules_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .catalogue.model import Command, Feature, Setting
    from .language.domain import Resources


def slug(name: str) -> str:
    """Derive the Python distribution's name from the project's name, such as `kase-co` from `Käse & Co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "service"


def merged(features: Iterable[Feature], part: str) -> list[str]:
    """Merge one list of all features, such as `runtime`, into a sorted list without duplicates."""
    return sorted({entry for feature in features for entry in getattr(feature, part)})


def required(features: Iterable[Feature], part: str) -> list[str]:
    """Return the requirements of all features, in an order to which `uv add` appends.

    The list is sorted, except that its last requirement comes first. `uv add` inserts into a sorted list, but appends
    to an unsorted one: so the owner's requirements stay at the end.
    """
    *others, last = merged(features, part)
    return [last, *others]


def variables_of(server: str, features: list[Feature]) -> list[str]:
    """List the environment variables that hold the URL of a server such as `postgresql`."""
    return [variable for feature in features for variable, reached in feature.reaches.items() if reached == server]


def service(features: list[Feature]) -> dict[str, Any]:
    """Return the `compose.yml` section of the service's own container, without empty keys."""
    servers = {name: container for feature in features for name, container in feature.containers.items()}
    environment = {"ENVIRONMENT": "development"}
    for feature in features:
        environment |= feature.environment
    for name, container in servers.items():
        environment |= {key: value.format(host=name) for key, value in container.reached_by.items()}
        environment |= dict.fromkeys(variables_of(name, features), container.address.format(host=name))
    section = {
        "environment": environment,
        "volumes": [f"{name}:{path}" for feature in features for name, path in feature.volumes.items()],
        "depends_on": {name: {"condition": "service_healthy"} for name in servers},
    }
    return {key: value for key, value in section.items() if value}


def distribution(name: str, features: Iterable[Feature]) -> str:
    """Return the distribution's name, with the suffix `-service` if a required library has the same name."""
    lines = [line for feature in features for line in (*feature.runtime, *feature.test, *feature.lint)]
    return f"{name}-service" if name in {re.split(r"[^A-Za-z0-9-]", line)[0] for line in lines} else name


def compose(features: Iterable[Feature]) -> dict[str, Any]:
    """Return the `compose.yml` sections of the servers that the service uses, such as PostgreSQL."""
    return {
        name: {
            "image": container.image,
            **({"environment": dict(container.environment)} if container.environment else {}),
            "volumes": [f"{name}:{container.data}"],
            "user": container.user,
            "read_only": True,
            "tmpfs": list(container.temporary),
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
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
    """Return the server containers of the CI test job, with the environment variables that hold their URLs."""
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


def features_of_types(resources: Resources) -> list[Feature]:
    """List the features that the field types of all resources require, such as an email validator."""
    types = {field.type for resource in resources for field in resource.fields}
    return [feature for name, feature in OF_TYPES.items() if name in types]


def parse_answers(answers: Mapping[str, Any]) -> tuple[frozenset[str], Resources]:
    """Return the names of the selected features, and the parsed resources with the readers of each.

    In a service without accounts, everyone reads every resource, and `owner: true` is ignored. In a service with
    accounts, the default is `signed_in`, or `permission` for the rows of other owners.
    """
    single = {answers[question] for question in ("database", "auth", "tasks")}
    names = frozenset({*single, *answers["features"]} - {"none"})
    domain = read_domain(answers["resources"])
    if not any(feature.guards for feature in chosen(names)):
        return names, tuple(replace(resource, owner=False, read="public") for resource in domain)
    defaults = {True: "permission", False: "signed_in"}
    domain = tuple(replace(resource, read=resource.read or defaults[resource.owner]) for resource in domain)
    return names | {OWNERSHIP.name} if any(resource.owner for resource in domain) else names, domain


def domain_plan(resources: Resources, features: list[Feature]) -> dict[str, Any]:
    """Return the Jinja context of all resources, and of the tables that the first migration creates."""
    facts, tables = domain_facts(resources, guards=any(feature.guards for feature in features))
    return {
        "resources": facts,
        "enumerations": [each for each in facts if each["enums"]],
        "tables": [feature_facts(table) for feature in features for table in feature.tables] + tables,
        "late_tables": [table for table in tables if table["late"]],
        "late": [key for table in tables for key in table["late"]],
        "requests": requests(resources),
        "strangers": readers.strangers(resources),
        "readers": readers.table(resources),
    }


def identity_plan(features: list[Feature]) -> dict[str, Any]:
    """Return the Jinja context of authentication, for the README, the tests' client and `app dev`."""
    return {
        "players": {part: module for feature in features for part, module in feature.plays.items()},
        "signs_in": [feature.signs_in for feature in features if feature.signs_in],
        "beside": [
            {"name": module, "reached_by": variables_of(feature.name, features)}
            for feature in features
            for module in feature.beside
        ],
        "authorized": "".join(f"{feature.shows} " for feature in features if feature.shows),
        "first_steps": [asdict(step) for feature in features for step in feature.first_steps],
    }


def command_facts(command: Command) -> dict[str, Any]:
    """Return the Jinja context of a command and its arguments."""
    return {**asdict(command), "takes": [asdict(argument) for argument in command.takes]}


def setting_facts(setting: Setting) -> dict[str, Any]:
    """Return a setting's name, example and comment for `.env.example`."""
    secret = ["Secret."] if setting.is_secret else []
    comment = " ".join([setting.meaning, *secret, setting.value_comment])
    return {"name": setting.name, "example": setting.example, "comment": comment}


def page_facts(feature: Feature) -> dict[str, Any]:
    """Return the Jinja context of a feature's docs page, with the package or module that the page documents."""
    return {"name": feature.name, "place": feature.explains, "summary": feature.summary}


def import_facts(feature: Feature) -> dict[str, str]:
    """Return the package and the name that `app/main.py` imports for a feature."""
    package, _, name = f"app.{feature.installs}".rpartition(".")
    return {"package": package, "name": name}


def parts_plan(features: list[Feature]) -> dict[str, Any]:
    """Return the Jinja context of what features add, such as commands, processes, requirements and settings."""
    settings = [setting for feature in features for setting in feature.settings]
    tested_with = [pair for feature in features for pair in feature.tested_with.items()]
    return {
        "commands": [command_facts(command) for feature in features for command in feature.commands],
        "database_options": [asdict(option) for feature in features for option in feature.database_options],
        "processes": [asdict(process) for feature in features for process in feature.processes],
        "installs": [import_facts(feature) for feature in features if feature.installs],
        "watches": [feature.name for feature in features if feature.watches],
        "arguments": {name: value for feature in features for name, value in feature.arguments.items()},
        "explained": [page_facts(feature) for feature in features if feature.explains],
        **{part: required(features, part) for part in ("runtime", "test", "lint")},
        "unimported": merged(features, "unimported"),
        "settings": [setting_facts(setting) for setting in settings],
        "needed": [setting.name for setting in settings if setting.is_needed],
        "stand_ins": [{"name": each.name, "value": each.stand_in} for each in settings if each.stand_in],
        "accepted": merged(features, "accepts"),
        "exposed": merged(features, "exposes"),
        "filters": ["error", *(each for feature in features for each in feature.tolerates)],
        "test_environment": [{"name": name, "value": value} for name, value in tested_with],
    }


def servers_plan(features: list[Feature]) -> dict[str, Any]:
    """Return the Jinja context of the service's container, its volumes, and the servers that it uses."""
    return {
        "service": service(features),
        "directories": {name: path for feature in features for name, path in feature.volumes.items()},
        "built_with": {name: argument for feature in features for name, argument in feature.built_with.items()},
        "volumes": {name: {} for feature in features for name in (*feature.containers, *feature.volumes)},
        "compose": compose(features),
        "containers": containers(features),
    }


def guidance_plan(features: list[Feature]) -> dict[str, Any]:
    """Return the Jinja context of `AGENTS.md`, which lists hints, rules with checks, and the template's own paths."""
    names = [feature.name for feature in features]
    return {
        "guidance": [line for feature in features for line in feature.guidance],
        "rules": [{"says": rule.says, "check": rule.check} for rule in rules_for(names)],
        "footprint": code_paths(names),
    }


def plan(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the complete Jinja context of a service, computed from its answers.

    Raises:
        UserMessageError: the readers of a resource need accounts, but a fork has locked `auth: none`.
    """
    if problem := auth_problem(answers["auth"], answers["resources"]):
        raise UserMessageError(f"auth: {problem}")
    names, resources = parse_answers(answers)
    features = [*chosen(names), *features_of_types(resources), standard().feature]
    return {
        **domain_plan(resources, features),
        "title": answers["project_name"],
        "slug": distribution(slug(answers["project_name"]), features),
        "description": answers["project_description"],
        "database": answers["database"],
        "counting": next((feature.counts for feature in features if feature.counts), "app.filtering"),
        "identity": answers["auth"],
        "broker": answers["tasks"],
        "names": sorted(names),
        **identity_plan(features),
        **parts_plan(features),
        **servers_plan(features),
        **guidance_plan(features),
        **deployment_facts(features, slug(answers["project_name"])),
        **standard().facts,
    }
