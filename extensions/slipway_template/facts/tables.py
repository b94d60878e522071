"""Compute the Jinja context of the first migration, with tables in creation order and named constraints."""

from __future__ import annotations

import json
import re
import zlib
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..language.domain import BOUNDS, find
from ..quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..catalogue.model import Table
    from ..language.domain import Field, Resource, Resources

Facts = dict[str, Any]
Late = set[tuple[str, str]]  # foreign keys, by resource and field, to tables that are created later

CHECK = 28  # characters of a check's name without its table's; identifiers have 63 at most
TOKEN = 16  # minimum width of an enumeration's column, so that most new values need no migration
OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
WORDS = {">=": " ge ", "<=": " le ", ">": " gt ", "<": " lt ", " -": " minus "}
TIMESTAMP = "DateTime(timezone=True)"


def words(text: str) -> str:
    """Return the letters and digits of an ASCII text, joined by underscores."""
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_").lower()


def check_name(condition: str, *, is_ambiguous: bool = False) -> str:
    """Derive the name of a check constraint from its SQL condition.

    `app.models.base` derives the same name, so that models and migration agree.
    """
    checksum = f"{zlib.crc32(condition.encode()):08x}"
    for sign, word in WORDS.items():
        condition = condition.replace(sign, word)
    name = words(condition)
    short = condition.isascii() and len(name) <= CHECK and not is_ambiguous
    return name if short else f"{name[: CHECK - 9].strip('_')}_{checksum}"


def sql(value: object) -> str:
    """Return a date or number as an SQL literal."""
    if isinstance(value, date):
        return f"'{value}'"
    return f"{value:f}" if isinstance(value, Decimal) else f"{value:.17g}" if isinstance(value, float) else str(value)


def conditions(field: Field) -> Iterator[str]:
    """Yield the SQL conditions of a field's check constraints."""
    if field.min_length:
        yield f"length({field.name}) >= {field.min_length}"
    if field.type == "text":
        yield f"length({field.name}) <= {field.longest}"
    for key in BOUNDS:
        if getattr(field, key) is not None:
            yield f"{field.name} {OPERATORS[key]} {sql(getattr(field, key))}"


def is_indexed(field: Field) -> bool:
    """Return whether a filterable column needs an index, because no unique constraint provides one."""
    return field.is_filtered and not field.unique


def server_default(field: Field) -> Facts:
    """Return a column's server default as `flag` for a boolean, or as `default` for any other value."""
    value = field.default
    if value is None or isinstance(value, bool):
        return {"flag": "" if value is None else str(value).lower(), "default": ""}
    text = json.dumps(value) if isinstance(value, dict | list) else sql(value).strip("'")
    return {"flag": "", "default": quoted(value if isinstance(value, str) else text)}


def on_delete(field: Field) -> str:
    """Return a reference's ON DELETE action in SQL."""
    return field.on_delete.replace("_", " ").upper()


def ordered(resources: Resources) -> tuple[list[Resource], Late]:
    """Sort tables for creation, so that each one follows the tables that it references.

    The foreign keys that still precede their target are returned too: the migration adds them after all tables.
    """
    placed: list[Resource] = []
    names: set[str] = set()
    late: Late = set()
    left = list(resources)
    while left:
        ready = [each for each in left if all(one.to in names | {each.name} for one in each.references)]
        able = [each for each in left if all(one.to in names or one.optional for one in each.references)]
        table = (ready or able)[0]
        late |= {(table.name, one.name) for one in table.references if one.to not in names | {table.name}}
        names.add(table.name)
        placed.append(table)
        left.remove(table)
    return placed, late


def column_type(field: Field) -> str:
    """Return a column's SQLAlchemy type as the migration spells it, with all arguments."""
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
        "datetime": TIMESTAMP,
        "time": "Time()",
        "uuid": "Uuid()",
        "json": "JSON()",
        "email": "String(length=320)",
        "url": "String(length=2083)",
        "ref": "Uuid()",
        "enum": f"Enum({values}, native_enum=False, length={width})",
    }[field.type]


def column(name: str, kind: str, *, nullable: bool = False, default: str = "") -> Facts:
    """Return the Jinja context of a migration's column, with its options as Python source."""
    options = {"server_default": default} if default else {}
    return {"name": name, "type": kind, "options": options | {"nullable": str(nullable)}}


def columns(resource: Resource) -> Iterator[Facts]:
    """Yield the Jinja context of each column of a resource's table."""
    yield column("id", "Uuid()")
    if resource.owner:
        yield column("owner_id", "Uuid()")
    for field in resource.fields:
        default = server_default(field)
        literal = f"sa.{default['flag']}()" if default["flag"] else default["default"]
        yield column(field.column, column_type(field), nullable=field.optional, default=literal)
    yield column("created_at", TIMESTAMP)
    yield column("updated_at", TIMESTAMP)
    if resource.soft_delete:
        yield column("deleted_at", TIMESTAMP, nullable=True)


def foreign_key(table: str, column: str, target: str, rule: str) -> Facts:
    """Return the Jinja context of a foreign key, named `fk_<table>_<column>` by convention."""
    return {"table": table, "column": column, "target": target, "on_delete": rule, "name": f"fk_{table}_{column}"}


def checks(resource: Resource) -> list[Facts]:
    """Return the check constraints of a resource's table, with their names."""
    expressions = list(chain.from_iterable(map(conditions, resource.fields)))
    return [{"condition": each, "name": f"ck_{resource.plural}_{check_name(each)}"} for each in expressions]


def enum_check_name(field: Field) -> str:
    """Derive the name of an enumeration's check constraint, with a checksum if values differ by signs or case only."""
    distinct = {words(value) for value in field.values}
    is_ambiguous = "" in distinct or len(distinct) < len(field.values)
    return check_name(" ".join([field.name, *field.values]), is_ambiguous=is_ambiguous)


def memberships(resource: Resource) -> list[Facts]:
    """Return the check constraints `column IN (…)` that restrict enumerations to their values."""
    return [
        {
            "column": field.name,
            "members": list(field.values),
            "name": f"ck_{resource.plural}_{enum_check_name(field)}",
        }
        for field in resource.fields
        if field.values
    ]


def unique(table: str, columns: list[str]) -> Facts:
    """Return the Jinja context of a unique constraint, named `uq_<table>_<columns>` by convention."""
    return {"columns": columns, "name": "_".join(["uq", table, *columns])}


def facts(resources: Resources, resource: Resource, late: Late) -> Facts:
    """Return the Jinja context of a resource's table in the first migration.

    Foreign keys in `late` are added after all tables are created, and the table's indexes after these keys: SQLite adds
    a foreign key by recreating the table, which would lose indexes.
    """
    keys = {
        field.name: foreign_key(resource.plural, field.column, find(resources, field.to).plural, on_delete(field))
        for field in resource.references
    }
    indexed = [field.column for field in resource.fields if is_indexed(field)]
    flags = ["deleted_at"] * resource.soft_delete + ["owner_id"] * resource.owner
    deferred = [key for name, key in keys.items() if (resource.name, name) in late]
    at_once = [key for name, key in keys.items() if (resource.name, name) not in late]
    indexes = sorted(["created_at", *flags, *indexed])
    owner = [foreign_key(resource.plural, "owner_id", "users", "RESTRICT")] if resource.owner else []
    return {
        "name": resource.plural,
        "columns": list(columns(resource)),
        "checks": checks(resource),
        "memberships": memberships(resource),
        "foreign_keys": [*owner, *at_once],
        "primary_key": ["id"],
        "uniques": [unique(resource.plural, [field.column for field in fields]) for fields in resource.uniques],
        "indexes": [] if deferred else indexes,
        "late": deferred,
        "late_indexes": indexes if deferred else [],
    }


def feature_facts(table: Table) -> Facts:
    """Return the Jinja context of a table that a feature adds."""
    return {
        "name": table.name,
        "columns": [column(each.name, each.type, nullable=each.nullable) for each in table.columns],
        "checks": [{"condition": each.condition, "name": f"ck_{table.name}_{each.name}"} for each in table.checks],
        "memberships": [],
        "foreign_keys": [foreign_key(table.name, key.column, key.target, key.on_delete) for key in table.foreign_keys],
        "primary_key": list(table.primary_key),
        "uniques": [unique(table.name, list(columns)) for columns in table.uniques],
        "indexes": list(table.indexes),
        "late": [],
    }
