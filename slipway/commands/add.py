"""Add a resource or fields to a service by an update that changes only the answer `resources`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slipway.commands.update import update
from slipway.console import echo
from slipway.errors import CommandError
from slipway.service.declaration import Language, parse_fields, with_fields, with_resource
from slipway.source.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slipway.service.checkout import Service
    from slipway.update.report import Report
    from slipway.update.request import Request

    Resources = list[dict[str, Any]]

SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SCHEMA = "resources.schema.json"


@dataclass(frozen=True)
class Options:
    """Options of a new resource, besides its fields.

    Options that are not set are omitted from the resource's declaration.
    """

    plural: str = ""
    description: str = ""
    unique: Sequence[Sequence[str]] = ()
    operations: Sequence[str] = ()
    read: str = ""
    owner: bool = False
    soft_delete: bool = False


def add_resource(service: Service, name: str, words: Sequence[str], options: Options, request: Request) -> Report:
    """Add a resource to the service, at the same version of the template."""
    require_snake_case(name)

    def extend(resources: Resources, language: Language) -> Resources:
        fields = parse_fields(words, language)
        return with_resource(resources, declaration(name, fields, options, language))

    return add(service, extend, replace(request, message=f"Add the resource {name}"))


def add_fields(service: Service, name: str, words: Sequence[str], request: Request) -> Report:
    """Add fields to a resource of the service, at the same version of the template."""
    fields: dict[str, Any] = {}

    def extend(resources: Resources, language: Language) -> Resources:
        fields.update(parse_fields(words, language))
        return with_fields(resources, name, fields)

    message = f"Add {joined([*map(field_name, words)])} to {name}"
    report = add(service, extend, replace(request, message=message))
    if report.applied and (required := [field for field, about in fields.items() if is_required(about)]):
        verb = "is" if len(required) == 1 else "are"
        echo(f"{joined(required)} {verb} required: if {name} has rows, the migration needs values for them.")
    return report


def field_name(word: str) -> str:
    """Return the field's name in a command-line argument, such as `customer` in `ref:customer`."""
    name, _, kind = word.partition(":")
    return re.sub(r"\W.*", "", kind) if name == "ref" else name


def is_required(about: Any) -> bool:  # noqa: ANN401 - text or a mapping
    """Return whether a request must contain a field, because it is not optional and has no default."""
    return not about.endswith("?") if isinstance(about, str) else not {"optional", "default"} & about.keys()


def add(service: Service, extend: Callable[[Resources, Language], Resources], request: Request) -> Report:
    """Update the service to the resources that `extend` returns, at the same version of the template."""
    record = service.record
    resources = record.get("resources")
    if not isinstance(resources, list):
        raise CommandError(f"{service.answers_file} has no list of resources: this template does not support `add`.")
    template = Template(record["_src_path"])
    language = Language.parse(template.read(template.resolve(str(record["_commit"])), SCHEMA))
    return update(service, replace(request, answers={"resources": extend(resources, language)}))


def declaration(name: str, fields: dict[str, Any], options: Options, language: Language) -> dict[str, Any]:
    """Return the declaration of a new resource, with its keys in the order of the docs."""
    options_by_key: dict[str, Any] = {
        "plural": options.plural,
        "description": options.description,
        "unique": [[*names] for names in options.unique],
        "operations": [*options.operations],
        "read": options.read,
        "owner": options.owner,
        "soft_delete": options.soft_delete,
    }
    filled = {key: value for key, value in options_by_key.items() if value}
    if unknown := [key for key in filled if key not in language.keys]:
        raise CommandError(f"{name}: this version of the template has no {unknown[0]}: omit it, or update first.")
    top: dict[str, Any] = {key: filled.pop(key) for key in ("plural", "description") if key in filled}
    return {"name": name, **top, "fields": fields, **filled}


def require_snake_case(name: str) -> None:
    """Raise `CommandError` if a name is not in snake_case, and suggest one that is."""
    if SNAKE_CASE.fullmatch(name):
        return
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    fix = f": {'_'.join(words).lower()}" if words else "."
    raise CommandError(f"{name}: a resource is named in snake_case and in the singular{fix}")


def joined(names: Sequence[str]) -> str:
    """Join names with commas and a final `and`, such as `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
