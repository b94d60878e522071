"""Errors for violated constraints, such as a duplicate or a foreign key to a missing row."""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import ColumnCollectionConstraint

from app.errors import Conflict, FieldProblem, Invalid
from app.models.base import Base
from app.schemas.base import shown

Values = tuple[str, Mapping[str, Any]]  # table and columns of one row


def find_constraint(name: str | None) -> ColumnCollectionConstraint | None:
    """Return the key or unique constraint with the given name, or None if missing."""
    kinds = (ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint)
    tables = Base.metadata.tables.values()
    constraints = chain.from_iterable(table.constraints for table in tables)
    return next(
        (each for each in constraints if each.name == name and isinstance(each, kinds)), None
    )


def duplicate(constraint: ColumnCollectionConstraint, rows: Iterable[Values]) -> Conflict:
    """Return the error for a duplicate, such as `A room with number 12 already exists.`.

    Args:
        constraint: the violated constraint
        rows: the values of the flushed rows; the error contains them if there is only one row
    """
    fields = [column.name for column in constraint.columns]
    flushed = [values for table, values in rows if table == constraint.table.name]
    values = flushed[0] if len(flushed) == 1 else {}
    described = [f"{name} {shown(values[name])}" if name in values else name for name in fields]
    singular = label(constraint.table)
    article = "An" if singular[0] in "aeiou" else "A"
    return Conflict(
        f"{article} {singular} with {' and '.join(described)} already exists.",
        errors=[_problem(field, "Already in use.", "unique") for field in fields],
    )


def unknown_reference(columns: Iterable[tuple[str, Table]]) -> Invalid:
    """Return the error for a missing referenced row: `Referenced room does not exist.`.

    Args:
        columns: each foreign-key column with the table that it references
    """
    columns = list(columns)
    missing = " and ".join(dict.fromkeys(label(table) for _, table in columns))
    return Invalid(
        f"Referenced {missing} does not exist.",
        errors=[
            _problem(column, f"{label(table).capitalize()} does not exist.", "reference")
            for column, table in columns
        ],
    )


def still_referenced(row: Base, constraint: ColumnCollectionConstraint | None) -> Conflict:
    """Return the error for deleting a referenced row: `Cannot delete: stays reference this room.`.

    If their foreign keys may be null, the error names these, since rows may reference each other.

    Args:
        row: the row to delete
        constraint: the violated foreign key; None if the database does not report it
    """
    table = row.metadata.tables[row.__tablename__]
    columns = list(constraint.columns) if constraint is not None else _restricting(table)
    names = " or ".join(dict.fromkeys(each.table.name.replace("_", " ") for each in columns))
    nullable = " or ".join(dict.fromkeys(each.name for each in columns if each.nullable))
    fix = f" Delete them first, or set {nullable} to null." if nullable else ""
    return Conflict(f"Cannot delete: {names} reference this {label(table)}.{fix}")


def label(table: Table) -> str:
    """Return the singular name of a table's rows, such as `room`."""
    models = [each.class_ for each in Base.registry.mappers]
    model = next((each for each in models if each.__tablename__ == table.name), None)
    if model is None:  # a table without a model, such as an association table
        return table.name.replace("_", " ")
    name, module = model.__name__, model.__module__.rpartition(".")[2]
    if name.lower() in {module.replace("_", ""), f"{module}model".replace("_", "")}:
        return module.replace("_", " ")
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def _restricting(table: Table) -> list[Column[Any]]:
    restricting = {None, "RESTRICT", "NO ACTION"}
    return [key.parent for key in references(table) if key.ondelete in restricting]


def references(table: Table) -> list[ForeignKey]:
    """Return the foreign keys that reference a table, or tables whose rows are deleted with it.

    ON DELETE CASCADE deletes rows with the row that they reference.
    """
    keys: list[ForeignKey] = []
    deleted = [table]
    for target in deleted:  # grows while it is read
        for other in table.metadata.tables.values():
            to_target = [key for key in other.foreign_keys if key.column.table is target]
            keys += sorted(to_target, key=attrgetter("parent.name"))
            if other not in deleted and any(key.ondelete == "CASCADE" for key in to_target):
                deleted.append(other)
    return keys


def _problem(field: str, message: str, code: str) -> FieldProblem:
    return FieldProblem(location=f"body.{field}", message=message, code=code)


def foreign_keys(constraint: ForeignKeyConstraint) -> list[tuple[str, Any]]:
    """Return each column of a foreign key with the table that it references."""
    return [(key.parent.name, key.column.table) for key in constraint.elements]
