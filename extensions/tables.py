"""The tables of a domain: as models, and as the first revision makes them."""

from __future__ import annotations

import json
import re
import zlib
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .domain import BOUNDS, KEPT, Field, Resource, Resources, find
from .literals import quoted
from .names import camel, spaced

if TYPE_CHECKING:
    from collections.abc import Iterator

Terms = dict[str, Any]
Late = set[tuple[str, str]]  # references, by resource and field, whose target's table comes later

CHECK = 28  # characters of a check's own name; with its table's, databases keep 63
TOKEN = 16  # characters that an enumeration's column has at least, so that most new values need no wider one
OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
WORDS = {">=": " ge ", "<=": " le ", ">": " gt ", "<": " lt ", " -": " minus "}


def named(rule: str) -> str:
    """Name a check after what it allows, as `app.models.base` does."""
    checksum = f"{zlib.crc32(rule.encode()):08x}"
    for sign, word in WORDS.items():
        rule = rule.replace(sign, word)
    name = re.sub(r"[^0-9A-Za-z]+", "_", rule).strip("_").lower()
    short = rule.isascii() and len(name) <= CHECK
    return name if short else f"{name[: CHECK - 9].strip('_')}_{checksum}"


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
        "enum": f"enumerated({resource.type_name(field)})",
    }.get(field.type, "")


def foreign_key(resources: Resources, resource: Resource, field: Field, late: Late) -> str:
    cycle = ", use_alter=True" if (resource.name, field.name) in late else ""
    return f'ForeignKey("{find(resources, field.to).plural}.id", ondelete="{on_delete(field)}"{cycle})'


def mapped(resources: Resources, resource: Resource, field: Field, late: Late) -> str:
    """Write a field of the model."""
    key = foreign_key(resources, resource, field, late) if field.to else column_type(resource, field)
    flags = [flag for flag, wanted in (("unique=True", field.unique), ("index=True", is_indexed(field))) if wanted]
    arguments = ", ".join(filter(None, [key, *server_default(field), *flags]))
    kind = resource.type_name(field) if field.values else KEPT[field.type]
    return f"{field.column}: Mapped[{kind}{field.null}]" + (f" = mapped_column({arguments})" if arguments else "")


def relationship(resources: Resources, resource: Resource, field: Field) -> str:
    """Write the relationship of a reference; it says which key it means where several join the two tables."""
    pair = {resource.name, field.to}
    joins = [one for each in resources for one in each.references if {each.name, one.to} == pair]
    arguments = [
        *([f"foreign_keys={field.column}"] if len(joins) > 1 else []),
        *([f'remote_side="{resource.class_name}.id"'] if field.to == resource.name else []),
        'lazy="raise"',
    ]
    return f'{field.name}: Mapped["{camel(field.to)}{field.null}"] = relationship({", ".join(arguments)})'


def model(resources: Resources, resource: Resource, late: Late) -> Terms:
    together = [", ".join(quoted(resource.field(name).column) for name in names) for names in resource.unique]
    rules = chain.from_iterable(map(checks, resource.fields))
    arguments = [
        *(f"UniqueConstraint({names})" for names in together),
        *(f"check({quoted(rule)})" for rule in rules),
        *(f'among("{field.name}", {resource.type_name(field)})' for field in resource.fields if field.values),
    ]
    targets = sorted({field.to for field in resource.references} - {resource.name})
    imports = [f"    from app.models.{name} import {camel(name)}" for name in targets]
    return {
        "arguments": [f"({', '.join(arguments)}{',' * (len(arguments) == 1)})"] if arguments else [],
        "lines": [
            *['owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)']
            * resource.owner,
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
        "name": resource.type_name(field),
        "phrase": f"{spaced(field.name)} of {resource.phrase}",
        "members": [f"{name} = {quoted(value)}" for name, value in field.members],
    }


# ── The first revision ────────────────────────────────────────────────────────────────────────────


def revised_type(field: Field) -> str:
    values = ", ".join(map(quoted, field.values))
    width = max(TOKEN, *map(len, field.values)) if field.values else 0
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
        "enum": f"Enum({values}, native_enum=False, length={width})",
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


def owner_key(resource: Resource) -> Terms:
    name = f"fk_{resource.plural}_owner_id"
    return {"column": "owner_id", "name": name, "target": "users", "rule": "RESTRICT"}


def constrained(key: Terms) -> str:
    name = f'name=op.f("{key["name"]}")'
    return f'sa.ForeignKeyConstraint(["{key["column"]}"], ["{key["target"]}.id"], {name}, ondelete="{key["rule"]}")'


def revised_checks(resource: Resource) -> Iterator[str]:
    for rule in chain.from_iterable(map(checks, resource.fields)):
        yield f'sa.CheckConstraint({quoted(rule)}, name=op.f("ck_{resource.plural}_{named(rule)}"))'
    for field in resource.fields:
        if field.values:
            words = f'sa.column("{field.name}", sa.String()).in_([{", ".join(map(quoted, field.values))}])'
            name = named(" ".join([field.name, *field.values]))
            yield f'sa.CheckConstraint({words}, name=op.f("ck_{resource.plural}_{name}"))'


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
    indexes = sorted(["created_at", *["deleted_at"] * resource.soft_delete, *["owner_id"] * resource.owner, *indexed])
    waits = [key for name, key in keys.items() if (resource.name, name) in late]
    return {
        "name": resource.plural,
        "parts": [
            'sa.Column("id", sa.Uuid(), nullable=False)',
            *['sa.Column("owner_id", sa.Uuid(), nullable=False)'] * resource.owner,
            *map(revised_column, resource.fields),
            *(f'sa.Column("{name}", sa.DateTime(timezone=True), nullable={name == "deleted_at"})' for name in moments),
            *revised_checks(resource),
            *[constrained(owner_key(resource))] * resource.owner,
            *(constrained(key) for name, key in keys.items() if (resource.name, name) not in late),
            f'sa.PrimaryKeyConstraint("id", name=op.f("pk_{resource.plural}"))',
            *revised_uniques(resource),
        ],
        # SQLite makes a table anew to add a key: of the table as it was made, and so before its indexes.
        "kept": f"{resource.plural} = " * bool(waits),
        "late": waits,
        "indexes": [] if waits else indexes,
        "late_indexes": indexes if waits else [],
    }


class Tables(Extension):
    """Lets Copier load this module, which its neighbours import."""
