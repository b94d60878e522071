"""The plan: answers in, plain data out. What a shared file prints stands here, so that no shared file branches."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from dataclasses import asdict, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml
from copier.errors import UserMessageError
from jinja2.ext import Extension

from .catalogue import FEATURES, OF_TYPES, OWNING, chosen, omitted
from .deployment import of_deployment
from .footprint import of_code, of_surroundings
from .layers import requests, terms
from .organisation import standard
from .questionnaire import entries
from .resources import domain_problem, read_domain
from .rules import holding
from .source import recorded_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jinja2 import Environment

    from .catalogue import Command, Feature, Setting, Table
    from .domain import Resources

WIDTH = 120  # characters of a line of a page
CODE = re.compile(r"`[^`]*`")
LINE_BREAKS = "\u2028\u2029"  # of Unicode; the others are control characters
NAMES = frozenset(feature.name for feature in FEATURES)
LONGEST_NAME, LONGEST_DESCRIPTION = 60, 160  # characters: one line of a README, of a `pyproject.toml`


def line_problem(value: object, called: str, longest: int) -> str:
    """Say what keeps `value` from being one printable line; nothing when it is one."""
    if not isinstance(value, str) or not value.strip():
        return f"A service needs a {called}."
    if value != value.strip():
        return f"The {called} starts or ends with a space; leave it out."
    if any(character in LINE_BREAKS or unicodedata.category(character)[0] == "C" for character in value):
        return f"The {called} holds a line break or another control character; leave it out."
    if len(value) > longest:
        return f"The {called} has {len(value)} characters; {longest} is the most."
    return ""


def name_problem(value: object) -> str:
    """Say what is wrong with a `project_name`, and the mend."""
    return line_problem(value, "name", LONGEST_NAME)


def description_problem(value: object) -> str:
    """Say what is wrong with a `project_description`, and the mend."""
    return line_problem(value, "description", LONGEST_DESCRIPTION)


def resources_problem(value: object) -> str:
    """Say what is wrong with the domain, and the mend; on the command line, it is text that holds YAML."""
    if not isinstance(value, str):
        return domain_problem(value, NAMES)
    try:
        return domain_problem(yaml.safe_load(value), NAMES)
    except yaml.YAMLError as error:
        return f"It is no YAML: {' '.join(str(error).split())[:300]}"


PROBLEMS: dict[str, Callable[[object], str]] = {
    "project_name": name_problem,
    "project_description": description_problem,
    "resources": resources_problem,
}


def questions() -> dict[str, dict[str, Any]]:
    """Give the questions that a person may answer: those of `copier.yml`, and those that a fork adds."""
    return {name: entry for name, entry in entries().items() if entry.get("when") is not False}


def offered(question: Mapping[str, Any]) -> list[str]:
    """List what a question offers, in any of the ways in which Copier takes it; nothing when that is computed."""
    choices = question.get("choices", [])
    if isinstance(choices, str):
        return []
    values = choices.values() if isinstance(choices, dict) else choices
    plain = (value[1] if isinstance(value, list) else value for value in values)
    return [str(value["value"] if isinstance(value, dict) else value) for value in plain]


def recorded(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded, in the order of the questions, so that an update writes what a copy does."""
    if "_src_path" in answers:
        source = recorded_source(answers["_src_path"], answers.get("_commit", ""))
        answers = {**answers, "_src_path": source}
    order = list(questions())
    places = {name: place for place, name in enumerate(order)}
    return dict(sorted(answers.items(), key=lambda item: -1 if item[0][0] == "_" else places.get(item[0], len(order))))


def choice_problem(question: Mapping[str, Any], value: object) -> str:
    """Say what of `value` is none of the question's choices; nothing when all is, or when it has none."""
    values = offered(question)
    answered = selected(value) if question.get("multiselect") else [value]
    if not isinstance(answered, list):
        return f"{value!r} is no list; it may hold any of {', '.join(values)}."
    wrong = [answer for answer in answered if str(answer) not in values]
    return f"{wrong[0]!r} is none of {', '.join(values)}." if values and wrong else ""


def selected(value: object) -> object:
    """Read the answer to a question that takes several; on the command line, it is text that holds YAML."""
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def always_recorded(known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Name the questions whose answers every service has a record of."""
    return {name for name, entry in known.items() if "when" not in entry and not entry.get("secret")}


def unknown_problem(name: str, known: Mapping[str, Any]) -> str:
    """Say that nobody is asked this, and what might have been meant."""
    if name in entries():
        return "it is decided by the template, and cannot be answered. Leave it out."
    near = get_close_matches(name, known, n=1)
    mend = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return f"there is no such question. {mend}"


def given(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Pass on the answers that were given on the command line; refuse unknown questions, choices and bad text.

    Raises `UserMessageError`, which Copier tells in one line, before anything is written.
    """
    known = questions()
    recorded = always_recorded(known) <= answers.keys()  # by an update, which hands on what an older release asked, too
    for name, value in answers.items():
        if name not in known and name not in entries() and recorded:
            continue
        check = PROBLEMS.get(name)
        problem = unknown_problem(name, known) if name not in known else check(value) if check else ""
        problem = problem or choice_problem(known[name], value)
        if problem:
            raise UserMessageError(f"{name}: {problem}")
    return dict(answers)


def slug(name: str) -> str:
    """Derive the name of the distribution, repository and image: `Käse & Co` becomes `kase-co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "service"


def toml(value: object) -> str:
    """Write `value` as TOML: JSON's strings are TOML's basic strings."""
    return json.dumps(value, ensure_ascii=False)


def python(value: str) -> str:
    """Write `value` as the Python string that a formatter leaves alone."""
    quoted = json.dumps(value, ensure_ascii=False)
    if value.count('"') <= value.count("'"):
        return quoted
    body = quoted[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{body}'"


def wrapped(text: str) -> str:
    """Write an entry of a list of Markdown's in lines that are no longer than a page's; code is kept on one."""
    whole = CODE.sub(lambda code: code[0].replace(" ", "\0"), text)
    lines = textwrap.fill(whole, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


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


def made(table: Table) -> dict[str, Any]:
    """Describe a table of a feature's as the first revision makes it."""
    return {"name": table.name, "parts": list(table.parts), "indexes": list(table.indexes), "kept": "", "late": []}


def ordered(answers: Mapping[str, Any]) -> tuple[frozenset[str], Resources]:
    """Name what the service is built of, and read what it keeps; without accounts, nothing is anybody's own."""
    single = {answers[question] for question in ("database", "auth", "tasks")}
    names = frozenset({*single, *answers["features"]} - {"none"})
    domain = read_domain(answers["resources"], NAMES)
    if not any(feature.guards for feature in chosen(names)):
        return names, tuple(replace(resource, owner=False) for resource in domain)
    return names | {OWNING.name} if any(resource.owner for resource in domain) else names, domain


def of_domain(resources: Resources, features: list[Feature]) -> dict[str, Any]:
    """Describe what the service keeps, in every layer, and the tables of the first revision."""
    described, tables = terms(resources, guards=any(feature.guards for feature in features))
    return {
        "resources": described,
        "enumerations": [each for each in described if each["model"]["enums"]],
        "tables": [made(table) for feature in features for table in feature.tables] + tables,
        "late_tables": [table for table in tables if table["late"]],
        "late": [key for table in tables for key in table["late"]],
        "requests": requests(resources),
    }


def of_identity(features: list[Feature]) -> dict[str, Any]:
    """Describe how somebody signs in: a person who reads the README, the tests' client, and what `app dev` brings."""
    return {
        "players": {feature.plays: feature.name for feature in features if feature.plays},
        "signs_in": [feature.signs_in for feature in features if feature.signs_in],
        "beside": [
            {"name": module, "reached_by": ", ".join(map(python, reaching(feature.name, features)))}
            for feature in features
            for module in feature.beside
        ],
        "authorized": "".join(f"{feature.shows} " for feature in features if feature.shows),
        "first_steps": [asdict(step) for feature in features for step in feature.first_steps],
    }


def typed(command: Command) -> dict[str, Any]:
    """Describe a command, and what is typed after its name."""
    return {**asdict(command), "takes": [asdict(argument) for argument in command.takes]}


def told(setting: Setting) -> str:
    """Say what a setting means, and whether it is a secret."""
    return f"{setting.meaning} A secret." if setting.is_secret else setting.meaning


def of_parts(features: list[Feature]) -> dict[str, Any]:
    """List what is installed, required, set and explained."""
    settings = [setting for feature in features for setting in feature.settings]
    tested_with = [pair for feature in features for pair in feature.tested_with.items()]
    return {
        "commands": [typed(command) for feature in features for command in feature.commands],
        "processes": [asdict(process) for feature in features for process in feature.processes],
        "installs": [feature.name for feature in features if feature.installs],
        "watches": [feature.name for feature in features if feature.watches],
        "arguments": {name: value for feature in features for name, value in feature.arguments.items()},
        "explained": [
            {
                "name": feature.name,
                "place": f"{feature.name}/" if feature.is_package else f"{feature.name}.py",
                "summary": feature.summary,
            }
            for feature in features
            if feature.is_explained
        ],
        **{part: required(features, part) for part in ("runtime", "test", "lint")},
        "unimported": merged(features, "unimported"),
        "settings": [{"name": each.name, "example": each.example, "meaning": told(each)} for each in settings],
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
        "counting": next((feature.counts for feature in features if feature.counts), "app.lists"),
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


def left_out(names: Iterable[str]) -> list[str]:
    """List what leaves no trace in a service that is built of, and surrounded by, what is named."""
    return omitted(frozenset(names))


class Plan(Extension):
    """Gives Copier's templates the plan, the checks of answers, and the quoting of three languages."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters |= {
            "description_problem": description_problem,
            "given": given,
            "name_problem": name_problem,
            "omitted": left_out,
            "plan": plan,
            "python": python,
            "recorded": recorded,
            "resources_problem": resources_problem,
            "surroundings": of_surroundings,
            "toml": toml,
            "wrapped": wrapped,
        }
