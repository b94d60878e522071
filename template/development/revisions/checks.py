"""Checks of existing rows, with which a revision fails before it alters their table.

Databases differ in what they check: some cast every text to a number, and ignore lengths.
"""

import re
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    ModifyTableOps,
)
from sqlalchemy import Dialect, Enum, String

from development.revisions.backfill import default_of
from development.revisions.portable import COLON
from development.revisions.types import is_lossless
from migrations.conversions import family

NAME = re.compile(r"\w+")


class Step(MigrateOperation):
    """A call of a function of `migrations/steps.py`; types are among the arguments."""

    def __init__(self, function: str, *arguments: Any) -> None:  # noqa: ANN401
        self.function = function
        self.arguments = arguments


@renderers.dispatch_for(Step)
def render(context: AutogenContext, step: Step) -> str:
    """Render the call as Python source."""
    context.imports.add("from migrations import steps")
    arguments = (
        f"sa.{each!r}" if hasattr(each, "compile") else repr(each) for each in step.arguments
    )
    return f"steps.{step.function}({', '.join(arguments)})"


def of_table(table: ModifyTableOps, created: set[str], dialect: Dialect) -> Iterator[Step]:
    """Yield the checks that the operations on a table need.

    The tables `created` by the same revision have no rows yet.
    """
    quote = dialect.identifier_preparer.quote
    name = table.table_name
    added = {each.column.name for each in table.ops if isinstance(each, AddColumnOp)}
    for each in table.ops:
        if isinstance(each, AddColumnOp) and is_missing(each):
            yield Step("require_empty", name, each.column.name)
        elif isinstance(each, AlterColumnOp):
            yield from of_column(each, quote(each.column_name))
        elif isinstance(each, CreateUniqueConstraintOp) or (
            isinstance(each, CreateIndexOp) and each.unique
        ):
            columns = [str(getattr(column, "name", column)) for column in each.columns]
            if added.isdisjoint(columns):
                yield Step("require_unique", name, *columns)
        elif isinstance(each, CreateForeignKeyOp) and each.referent_table not in created:
            (column, *_), (target, *_) = each.local_cols, each.remote_cols
            if added.isdisjoint(each.local_cols):
                yield Step("require_referenced", name, column, each.referent_table, target)
        elif isinstance(each, CreateCheckConstraintOp):
            condition = str(each.condition).replace(COLON, ":")
            if added.isdisjoint(NAME.findall(condition)):
                yield Step("require", name, condition)


def is_missing(operation: AddColumnOp) -> bool:
    """Return whether existing rows would have no value in an added column that is NOT NULL."""
    return not (operation.column.nullable or operation.column.server_default)


def of_column(operation: AlterColumnOp, column: str) -> Iterator[Step]:
    """Yield the checks of a column that becomes NOT NULL, shorter, or has another type."""
    old: Any = operation.existing_type
    new: Any = operation.modify_type
    name = operation.table_name
    if operation.modify_nullable is False and default_of(operation) is None:
        yield Step("require", name, f"{column} IS NOT NULL")
    if new is None or is_lossless(old, new):
        return
    if isinstance(new, Enum):
        new = String(new.length)  # a check constraint has its values
    if family(old) is family(new) is String:
        yield Step("require", name, f"length({column}) <= {new.length}")
    else:
        yield Step("require_convertible", name, operation.column_name, old, new)
