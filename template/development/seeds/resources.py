"""The tables of resources, in the order of their references, and the schemas of their values."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from inspect import isclass
from pkgutil import iter_modules
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, create_model
from sqlalchemy import JSON, CheckConstraint, Column, Table
from sqlalchemy.schema import sort_tables_and_constraints

from app import models, schemas
from app.models import Base
from app.settings import ROOT
from development.seeds.rows import is_nullable

BOUND = re.compile(r"(?P<column>\w+) (?P<sign>>=|>|<=|<) (?P<number>-?\d+(\.\d+)?)")
LENGTH = re.compile(r"length\((?P<column>\w+)\) (?P<sign>>=|<=) (?P<number>\d+)")
SIGNS = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
LENGTHS = {">=": "min_length", "<=": "max_length"}

Schemas = dict[Table, type[BaseModel] | None]


def resources() -> Schemas:
    """Return the tables of resources with their `Create` schemas, referenced tables first.

    A resource has modules of the same name in `app/models/` and `tests/factories/`.
    """
    found: Schemas = {}
    for module in iter_modules(models.__path__):
        if (ROOT / "tests" / "factories" / f"{module.name}.py").exists():
            model = next(_defined(f"{models.__name__}.{module.name}", Base))
            found[model.__table__] = _create_schema(module.name)
    return {table: found[table] for table in _sorted(found)}


def schemas_of(table: Table, schema: type[BaseModel] | None) -> Iterator[type[BaseModel]]:
    """Yield the `Create` schema of a resource, and a schema of the columns that it lacks."""
    if schema is None:
        yield schema_of(table, columns(table))
        return
    yield schema
    missing = [each for each in required_columns(table) if each.name not in schema.model_fields]
    if missing:
        yield schema_of(table, missing)


def required_columns(table: Table) -> list[Column[Any]]:
    """Return the columns that neither null, a default nor a reference can fill."""
    return [
        column
        for column in table.columns
        if not (column.nullable or column.default or column.server_default or column.foreign_keys)
    ]


def columns(table: Table) -> list[Column[Any]]:
    """Return the columns that a client might write, for a resource without a `Create` schema."""
    return [
        column
        for column in table.columns
        if not (column.default or column.foreign_keys or column.name == "deleted_at")
    ]


def schema_of(table: Table, columns: list[Column[Any]]) -> type[BaseModel]:
    """Return a schema whose constraints are those of the columns."""
    fields: dict[str, Any] = {column.name: _annotation(table, column) for column in columns}
    schema: type[BaseModel] = create_model(table.name, **fields)
    return schema


def _sorted(tables: Schemas) -> Iterator[Table]:
    order = sort_tables_and_constraints(  # type: ignore[no-untyped-call]
        tables, filter_fn=lambda foreign_key: None if is_nullable(foreign_key) else False
    )
    return (table for table, _ in order if table in tables)


def _defined(module: str, base: type) -> Iterator[type[Any]]:
    """Yield the classes that a module defines."""
    for value in vars(import_module(module)).values():
        if isclass(value) and issubclass(value, base) and value.__module__ == module:
            yield value


def _create_schema(stem: str) -> type[BaseModel] | None:
    name = f"{schemas.__name__}.{stem}"
    if stem not in {module.name for module in iter_modules(schemas.__path__)}:
        return None
    kinds = _defined(name, BaseModel)
    return next((kind for kind in kinds if kind.__name__.endswith("Create")), None)


def _annotation(table: Table, column: Column[Any]) -> Any:  # noqa: ANN401 - a type
    kind: Any = column.type.python_type
    bounds: dict[str, Any] = {}
    if kind is str and (length := getattr(column.type, "length", None)):
        bounds["max_length"] = length
    if kind is Decimal:
        bounds["max_digits"] = getattr(column.type, "precision", None)
        bounds["decimal_places"] = getattr(column.type, "scale", None)
    bounds |= _checked(table, column.name, kind)
    if isinstance(column.type, JSON):
        kind = dict[str, Any] | list[Any]
    kind = AwareDatetime if kind is datetime else kind
    annotation = Annotated[kind, Field(**bounds)] if bounds else kind
    return annotation | None if column.nullable else annotation


def _checked(table: Table, column: str, kind: type) -> dict[str, Any]:
    """Return the bounds of a column in check constraints such as `price >= 0`."""
    bounds: dict[str, Any] = {}
    for constraint in (*table.constraints, *table.columns[column].constraints):
        text = str(constraint.sqltext) if isinstance(constraint, CheckConstraint) else ""
        if (match := BOUND.fullmatch(text)) and match["column"] == column:
            bounds[SIGNS[match["sign"]]] = kind(match["number"])
        if (match := LENGTH.fullmatch(text)) and match["column"] == column:
            bounds[LENGTHS[match["sign"]]] = int(match["number"])
    return bounds
