"""What the layers of a service print of a resource: model, schemas, service and router, and the first revision.

These are terms of Python, as plain data. The templates under `template/` put them together; `layout.py` breaks their
lines, and sorts out the imports.
"""

from __future__ import annotations

import json
import re
import zlib
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .domain import BOUNDS, Field, Resource, Resources, find
from .literals import expression, literal, quoted
from .names import camel, spaced
from .samples import example, factory, tests

if TYPE_CHECKING:
    from collections.abc import Iterator

Terms = dict[str, Any]
Late = set[tuple[str, str]]  # references, by resource and field, whose target's table comes later

CHECK = 28  # characters of a check's own name; with its table's, databases keep 63
TOKEN = 16  # characters that an enumeration's column has at least, so that most new values need no wider one
MEMBERSHIP = 100  # values that one filter takes
OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
WORDS = {">=": " ge ", "<=": " le ", ">": " gt ", "<": " lt ", " -": " minus "}

KEPT = {
    "str": "str",
    "text": "str",
    "email": "str",
    "url": "str",
    "int": "int",
    "bigint": "int",
    "float": "float",
    "decimal": "Decimal",
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "uuid": "UUID",
    "json": "dict[str, Any] | list[Any]",
    "ref": "UUID",
}
SENT = KEPT | {
    "str": "Line",
    "text": "Text",
    "email": "EmailStr",
    "url": "Link",
    "int": "Integer",
    "bigint": "BigInteger",
    "float": "FiniteFloat",
    "decimal": "Number",
    "datetime": "Moment",
    "time": "TimeOfDay",
    "json": "Json",
}
SHOWN = KEPT | {"decimal": "Number", "time": "TimeOfDay"}
EQUAL = frozenset({"str", "int", "bigint", "decimal", "bool", "date", "time", "uuid", "email", "url"})
ORDERED = frozenset({"int", "bigint", "float", "decimal", "date", "datetime", "time"})
SORTED = ORDERED | {"str", "email", "url"}
SEARCHED = frozenset({"str", "text", "email"})


def enum_name(resource: Resource, field: Field) -> str:
    return f"{resource.class_name}{camel(field.name)}"


def nullable(field: Field) -> str:
    return " | None" if field.optional else ""


# ── Tables ────────────────────────────────────────────────────────────────────────────────────────


def named(rule: str) -> str:
    """Name a check after what it allows, as `app.models.base` does; too long a name ends in its checksum."""
    for sign, word in WORDS.items():
        rule = rule.replace(sign, word)
    name = re.sub(r"\W+", "_", rule).strip("_")
    return name if len(name) <= CHECK else f"{name[: CHECK - 9]}_{zlib.crc32(name.encode()):08x}"


def sql(value: object) -> str:
    """Write a bound in SQL."""
    if isinstance(value, date):
        return f"'{value}'"
    return f"{value:f}" if isinstance(value, Decimal) else f"{value:.17g}" if isinstance(value, float) else str(value)


def checks(field: Field) -> Iterator[str]:
    """Give the rules that the database checks."""
    if field.min_length:
        yield f"length({field.name}) >= {field.min_length}"
    if field.type == "text":
        yield f"length({field.name}) <= {field.longest}"
    for key in BOUNDS:
        if getattr(field, key) is not None:
            yield f"{field.name} {OPERATORS[key]} {sql(getattr(field, key))}"


def is_indexed(field: Field) -> bool:
    return field.is_filtered and not field.unique


def server_default(field: Field, of: str = "") -> Iterator[str]:
    value = field.default
    if isinstance(value, bool):
        yield f"server_default={of}{str(value).lower()}()"
    elif value is not None:
        text = json.dumps(value) if isinstance(value, dict | list) else sql(value).strip("'")
        yield f"server_default={quoted(value if isinstance(value, str) else text)}"


def on_delete(field: Field) -> str:
    return field.on_delete.replace("_", " ").upper()


def ordered(resources: Resources) -> tuple[list[Resource], Late]:
    """Order tables so that references lead back, as far as they can; name those that must wait for their target."""
    placed: list[Resource] = []
    names: set[str] = set()
    late: Late = set()
    left = list(resources)
    while left:
        ready = [each for each in left if all(one.to in names | {each.name} for one in each.references)]
        able = [each for each in left if all(one.to in names or one.optional for one in each.references)]
        chosen = (ready or able)[0]
        late |= {(chosen.name, one.name) for one in chosen.references if one.to not in names | {chosen.name}}
        names.add(chosen.name)
        placed.append(chosen)
        left.remove(chosen)
    return placed, late


# ── Models ────────────────────────────────────────────────────────────────────────────────────────


def column_type(resource: Resource, field: Field) -> str:
    """Write the column's type, where its annotation does not say it."""
    return {
        "str": f"String({field.longest})",
        "text": "Text",
        "email": "String(320)",
        "url": "String(2083)",
        "bigint": "BigInteger",
        "float": "Double",
        "decimal": f"Numeric({field.max_digits}, {field.decimal_places})",
        "json": "JSON(none_as_null=True)" if field.optional else "JSON",
        "enum": f'enumerated("{field.name}", {enum_name(resource, field)})',
    }.get(field.type, "")


def foreign_key(resources: Resources, resource: Resource, field: Field, late: Late) -> str:
    cycle = ", use_alter=True" if (resource.name, field.name) in late else ""
    return f'ForeignKey("{find(resources, field.to).plural}.id", ondelete="{on_delete(field)}"{cycle})'


def mapped(resources: Resources, resource: Resource, field: Field, late: Late) -> str:
    """Write a field of the model."""
    key = foreign_key(resources, resource, field, late) if field.to else column_type(resource, field)
    flags = [flag for flag, wanted in (("unique=True", field.unique), ("index=True", is_indexed(field))) if wanted]
    arguments = ", ".join(filter(None, [key, *server_default(field), *flags]))
    kind = enum_name(resource, field) if field.values else KEPT[field.type]
    return f"{field.column}: Mapped[{kind}{nullable(field)}]" + (f" = mapped_column({arguments})" if arguments else "")


def relationship(resources: Resources, resource: Resource, field: Field) -> str:
    """Write the relationship of a reference; it says which key it means where several join the two tables."""
    pair = {resource.name, field.to}
    joins = [one for each in resources for one in each.references if {each.name, one.to} == pair]
    arguments = [
        *([f"foreign_keys={field.column}"] if len(joins) > 1 else []),
        *([f'remote_side="{resource.class_name}.id"'] if field.to == resource.name else []),
        'lazy="raise"',
    ]
    return f'{field.name}: Mapped["{camel(field.to)}{nullable(field)}"] = relationship({", ".join(arguments)})'


def model(resources: Resources, resource: Resource, late: Late) -> Terms:
    together = [", ".join(quoted(resource.field(name).column) for name in names) for names in resource.unique]
    rules = chain.from_iterable(map(checks, resource.fields))
    arguments = [*(f"UniqueConstraint({names})" for names in together), *(f"check({quoted(rule)})" for rule in rules)]
    targets = sorted({field.to for field in resource.references} - {resource.name})
    imports = [f"    from app.models.{name} import {camel(name)}" for name in targets]
    return {
        "arguments": [f"({', '.join(arguments)}{',' * (len(arguments) == 1)})"] if arguments else [],
        "lines": [
            *(mapped(resources, resource, field, late) for field in resource.fields),
            *["deleted_at: Mapped[datetime | None] = mapped_column(index=True)"] * resource.soft_delete,
            "",
            *(relationship(resources, resource, field) for field in resource.references),
        ],
        "imports": ["if TYPE_CHECKING:", *imports] if imports else [],
        "enums": [enum(resource, field) for field in resource.fields if field.values],
    }


def enum(resource: Resource, field: Field) -> Terms:
    return {
        "name": enum_name(resource, field),
        "phrase": f"{spaced(field.name)} of {resource.phrase}",
        "members": [f"{name} = {quoted(value)}" for name, value in field.members],
    }


# ── The first revision ────────────────────────────────────────────────────────────────────────────


def revised_type(field: Field) -> str:
    values = ", ".join(map(quoted, field.values))
    width = max(TOKEN, *map(len, field.values)) if field.values else 0
    check = named("_".join([field.name, *field.values]))
    return {
        "str": f"String(length={field.longest})",
        "text": "Text()",
        "int": "Integer()",
        "bigint": "BigInteger()",
        "float": "Double()",
        "decimal": f"Numeric(precision={field.max_digits}, scale={field.decimal_places})",
        "bool": "Boolean()",
        "date": "Date()",
        "datetime": "DateTime(timezone=True)",
        "time": "Time()",
        "uuid": "Uuid()",
        "json": "JSON()",
        "email": "String(length=320)",
        "url": "String(length=2083)",
        "ref": "Uuid()",
        "enum": f'Enum({values}, name="{check}", native_enum=False, create_constraint=True, length={width})',
    }[field.type]


def revised_column(field: Field) -> str:
    arguments = [quoted(field.column), f"sa.{revised_type(field)}", *server_default(field, "sa.")]
    return f"sa.Column({', '.join(arguments)}, nullable={field.optional})"


def revised_key(resources: Resources, resource: Resource, field: Field) -> Terms:
    return {
        "column": field.column,
        "name": f"fk_{resource.plural}_{field.column}",
        "table": resource.plural,
        "target": find(resources, field.to).plural,
        "rule": on_delete(field),
    }


def constrained(key: Terms) -> str:
    name = f'name=op.f("{key["name"]}")'
    return f'sa.ForeignKeyConstraint(["{key["column"]}"], ["{key["target"]}.id"], {name}, ondelete="{key["rule"]}")'


def revised_checks(resource: Resource) -> Iterator[str]:
    for rule in chain.from_iterable(map(checks, resource.fields)):
        yield f'sa.CheckConstraint({quoted(rule)}, name=op.f("ck_{resource.plural}_{named(rule)}"))'


def revised_uniques(resource: Resource) -> Iterator[str]:
    for fields in resource.uniques:
        columns = [field.column for field in fields]
        name = "_".join(["uq", resource.plural, *columns])
        yield f'sa.UniqueConstraint({", ".join(map(quoted, columns))}, name=op.f("{name}"))'


def table(resources: Resources, resource: Resource, late: Late) -> Terms:
    """Write a table as the first revision makes it."""
    moments = ["created_at", "updated_at", *["deleted_at"] * resource.soft_delete]
    keys = {field.name: revised_key(resources, resource, field) for field in resource.references}
    indexed = [field.column for field in resource.fields if is_indexed(field)]
    return {
        "name": resource.plural,
        "parts": [
            'sa.Column("id", sa.Uuid(), nullable=False)',
            *map(revised_column, resource.fields),
            *(f'sa.Column("{name}", sa.DateTime(timezone=True), nullable={name == "deleted_at"})' for name in moments),
            *revised_checks(resource),
            *(constrained(key) for name, key in keys.items() if (resource.name, name) not in late),
            f'sa.PrimaryKeyConstraint("id", name=op.f("pk_{resource.plural}"))',
            *revised_uniques(resource),
        ],
        "late": [key for name, key in keys.items() if (resource.name, name) in late],
        "indexes": sorted(["created_at", *["deleted_at"] * resource.soft_delete, *indexed]),
    }


# ── Schemas ───────────────────────────────────────────────────────────────────────────────────────


def bound(value: object) -> str:
    """Write a bound; a whole decimal needs no more than its digits."""
    return literal(int(value)) if isinstance(value, Decimal) and value == value.to_integral_value() else literal(value)


def constraints(field: Field) -> Iterator[str]:
    """Give what a schema asks of a value, in Pydantic's terms."""
    if field.min_length:
        yield f"min_length={field.min_length}"
    if field.type in {"str", "text"}:
        yield f"max_length={literal(field.longest)}"
    if field.pattern:
        yield f"pattern={expression(field.pattern)}"
        yield f"examples=[{quoted(field.examples[0])}]"
    yield from (f"{key}={bound(getattr(field, key))}" for key in BOUNDS if getattr(field, key) is not None)
    if field.type == "decimal":
        yield f"max_digits={field.max_digits}"
        yield f"decimal_places={field.decimal_places}"


def sent(resource: Resource, field: Field) -> str:
    """Name the type of a field that comes in."""
    own = field.values or any(constraints(field))
    return f"{resource.class_name}{camel(field.name)}" if own else SENT[field.type]


def aliases(resource: Resource) -> Iterator[str]:
    """Define the types that a resource's own constraints make."""
    for field in resource.fields:
        if found := ", ".join(constraints(field)):
            yield f"{sent(resource, field)} = Annotated[{SENT[field.type]}, Field({found})]"


def default(resource: Resource, field: Field) -> str:
    value = field.default
    if value is None:
        return " = None" if field.optional else ""
    if field.values:
        member = next(name for name, word in field.members if word == value)
        return f" = {enum_name(resource, field)}.{member}"
    return (
        f" = Field(default_factory={type(value).__name__})"
        if isinstance(value, dict | list)
        else f" = {literal(value)}"
    )


def summaries(resources: Resources, resource: Resource) -> Iterator[Terms]:
    """Describe what is shown of the things that a resource refers to, where people know them by a name."""
    if not {"create", "list", "read", "update"} & set(resource.operations):
        return
    for field in resource.references:
        target = find(resources, field.to)
        if target.label:
            name = f"{resource.class_name}{camel(field.name)}"
            yield {
                "name": name,
                "attribute": field.name,
                "field": f"{field.name}: {name}{nullable(field)}",
                "label": f"{target.label.name}: str{nullable(target.label)}",
                "phrase": f"{resource.phrase}'s {spaced(field.name)}",
                "load": f"joinedload({resource.class_name}.{field.name}{'' if field.optional else ', innerjoin=True'})",
            }


def schema(resources: Resources, resource: Resource) -> Terms:
    """Give the fields of each schema; a schema that no operation needs is an empty list."""
    does = set(resource.operations)
    fields = [(field, nullable(field)) for field in resource.fields]
    create = [f"{each.column}: {sent(resource, each)}{null}{default(resource, each)}" for each, null in fields]
    update = [f"{each.column}: {sent(resource, each)} | MISSING{null} = MISSING" for each, null in fields]
    summary = list(summaries(resources, resource))
    lists = list(chain(searching(resource), *(filters(resource, field) for field in resource.fields)))
    return {
        "aliases": list(aliases(resource)),
        "creates": [create] * ("create" in does),
        "updates": [update] * ("update" in does),
        "reads": reading(resource, summary) if does - {"delete"} else [],
        "summaries": summary,
        "filters": [lists] * bool(does & {"list", "export"}),
        "sorts": [[quoted(sign + name) for name in sorts(resource) for sign in ("", "-")]] * ("list" in does),
    }


def reading(resource: Resource, summary: list[Terms]) -> list[Terms]:
    """Describe what is shown: one schema, or two where an export leaves out what a row refers to."""
    name, phrase = resource.class_name, resource.phrase
    shown = [enum_name(resource, field) if field.values else SHOWN[field.type] for field in resource.fields]
    own = [f"{field.column}: {kind}{nullable(field)}" for field, kind in zip(resource.fields, shown, strict=True)]
    moments = ["created_at: datetime", "updated_at: datetime"]
    nested = [each["field"] for each in summary]
    row = ["id: UUID", *own, *moments]
    if not nested or "export" not in resource.operations:
        return [
            {
                "name": f"{name}Read",
                "base": "ReadSchema",
                "doc": f"{phrase}.",
                "fields": ["id: UUID", *own, *nested, *moments],
            }
        ]
    return [
        {"name": f"{name}Row", "base": "ReadSchema", "doc": f"{phrase}, as it is exported.", "fields": row},
        {"name": f"{name}Read", "base": f"{name}Row", "doc": f"{phrase}, with what it refers to.", "fields": nested},
    ]


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────────


def sorts(resource: Resource) -> list[str]:
    return sorted(["created_at", *(each.name for each in resource.fields if each.type in SORTED and each.is_filtered)])


def searched(resource: Resource) -> list[Field]:
    return [field for field in resource.fields if field.type in SEARCHED]


def searching(resource: Resource) -> Iterator[Terms]:
    if columns := ", ".join(f"{resource.class_name}.{field.name}" for field in searched(resource)):
        kind = "Annotated[Line, Field(max_length=120)] | None = None"
        yield {"name": "search", "type": kind, "test": f"contains({columns})"}


def filters(resource: Resource, field: Field) -> Iterator[Terms]:
    """Describe the parameters by which lists are filtered, and what each asks of its column."""
    kind, column = sent(resource, field), f"{resource.class_name}.{field.column}"
    several = f"list[{kind}] = Field([], max_length={MEMBERSHIP})"
    tests = []
    if field.type in {"enum", "ref"}:
        tests = [(field.column, several, "one_of")]
    if field.type in EQUAL:
        tests = [(field.column, f"{kind} | None = None", "equals")]
    if field.type in ORDERED:
        ends = (("from", "at_least"), ("to", "at_most"))
        tests += [(f"{field.column}_{end}", f"{kind} | None = None", test) for end, test in ends]
    if field.is_filtered:
        yield from ({"name": name, "type": kind, "test": f"{test}({column})"} for name, kind, test in tests)


# ── Services ──────────────────────────────────────────────────────────────────────────────────────


def service(resources: Resources, resource: Resource) -> Terms:
    """List what a service is made of, in order; what is shown with its references is read back once it is made."""
    does = set(resource.operations)
    loads = [each["load"] for each in summaries(resources, resource)]
    reads = "read" in does or bool(loads and does & {"create", "update"})
    parts = {
        "create": "create" in does,
        "read": reads,
        "get": does & {"update", "delete"},
        "update": "update" in does,
        "delete": "delete" in does,
        "search": "list" in does,
        "export": "export" in does,
    }
    constants = {
        "missing": reads or does & {"update", "delete"},
        "batch": "export" in does,
        "rows": reads or "list" in does,
        "one": reads,
        "pages": "list" in does,
        "filters": does & {"list", "export"},
    }
    kept = [f".where({resource.class_name}.deleted_at.is_(None))"] * resource.soft_delete
    source = resource.class_name if loads else f"{resource.class_name}.__table__"
    return {
        "parts": [name for name, wanted in parts.items() if wanted],
        "constants": [name for name, wanted in constants.items() if wanted],
        "row": resource.class_name if loads else "Record",
        "fetch": "objects" if loads else "records",
        "rows": "".join([f"select({source})", *[f".options({', '.join(loads)})"] * bool(loads), *kept]),
        "kept": "".join(kept),
        "exported": ", ".join([*(each[len(".where(") : -1] for each in kept), "*conditions(wanted, FILTERS)"]),
        "gone": f" or {resource.name}.deleted_at" * resource.soft_delete,
        "made": f"await read(session, {resource.name}.id)" if loads else resource.name,
        "created": taken("new", resource, f"{resource.name} = {resource.class_name}(**", ")"),
        "changed": taken("changes", resource, "for field, value in ", ".items():"),
        "unless": ", unless it clashes with another" * bool(resource.uniques),
        "keeping": "; its row stays, marked as deleted" * resource.soft_delete,
        "remove": f"{resource.name}.deleted_at = now()"
        if resource.soft_delete
        else f"await remove(session, {resource.name})",
    }


def taken(source: str, resource: Resource, begin: str, end: str) -> list[str]:
    """Take over what was sent; what it refers to is held first."""
    if not resource.references:
        return [f"{begin}{source}.model_dump(){end}"]
    held = f"await refer(session, {resource.class_name}, values)"
    return [f"values = {source}.model_dump()", held, f"{begin}values{end}"]


HANDLERS = ("list", "create", "export", "read", "update", "delete")  # so that no path hides another


def router(resource: Resource, schema: Terms) -> Terms:
    """Say what each handler answers with, and which errors it may tell."""
    clash = ["Conflict"] * bool(resource.uniques)
    made = f"await {resource.plural}.create(session, new)"
    leads = "read" in resource.operations
    return {
        "handlers": [name for name in HANDLERS if name in resource.operations],
        "creates": ", responses=described(Conflict)" * bool(clash),
        "links": ", links: Links" * leads,
        "made": f"links.made({made})" if leads else made,
        "exported": schema["reads"][0]["name"] if schema["reads"] else "",
        "updates": ", ".join(["NotFound", *clash]),
        "deletes": ", ".join(["NotFound", *["Conflict"] * (not resource.soft_delete)]),
    }


def terms(resources: Resources) -> tuple[list[Terms], list[Terms]]:
    """Describe every resource, in its owner's order, and every table, in the order of its making."""
    placed, late = ordered(resources)
    schemas = {each.name: schema(resources, each) for each in resources}
    described = [
        {
            "name": each.name,
            "plural": each.plural,
            "class": each.class_name,
            "words": spaced(each.name),
            "phrase": each.phrase,
            "all": spaced(each.plural),
            "path": each.plural.replace("_", "-"),
            "description": each.description,
            "operations": list(each.operations),
            "model": model(resources, each, late),
            "schema": schemas[each.name],
            "service": service(resources, each),
            "router": router(each, schemas[each.name]),
            "factory": factory(resources, each),
            "tests": tests(resources, each, schemas[each.name]["summaries"]),
            "filters": [f'"{one["name"]}": {one["test"]}' for lists in schemas[each.name]["filters"] for one in lists],
        }
        for each in resources
    ]
    return described, [table(resources, each, late) for each in placed]


def requests(resources: Resources) -> list[Terms]:
    """Choose a request for the README to begin with: to make something that refers to nothing."""
    for each in resources:
        needed = [field for field in each.references if not field.optional]
        if {"create", "list", "read"} <= set(each.operations) and not needed:
            unique = [field.name for field in each.fields if field.unique and not field.optional]
            return [
                {
                    "body": example(each),
                    "path": each.plural.replace("_", "-"),
                    "phrase": each.phrase,
                    "unique": unique[:1],
                }
            ]
    return []


class Layers(Extension):
    """Lets Copier load this module, which its neighbours import."""
