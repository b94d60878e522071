"""Portable revisions: types, defaults and conditions that each database can read.

What autogenerate reads from a database, it writes as that database spells it.
"""

import re
from collections.abc import Iterable
from typing import Any

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateTableOp,
    ModifyTableOps,
)
from sqlalchemy import Boolean, CheckConstraint, Column, DefaultClause, Dialect, TextClause, text

from migrations.conversions import generic

CAST = r"::(?:character varying|double precision|timestamp with time zone|\w+)(?:\(\d+\))?(?:\[\])?"
PIECES = re.compile(rf"('(?:[^']|'')*')|{CAST}")  # texts in quotes, which stay, and casts
COLON = r"\\:"  # both the revision's writer and its reader see a parameter in `:name`, and unescape
ANY = re.compile(r"= ANY \(\(?ARRAY\[(.*?)\]\)?\)")


def rewrite(operations: Iterable[Any], dialect: Dialect, *, is_read: bool = False) -> None:
    """Rewrite the types, defaults and conditions of operations in place.

    Args:
        operations: the operations of an upgrade or a downgrade
        dialect: the SQL dialect
        is_read: whether conditions were read from a database, so that their colons are unescaped
    """
    for operation in operations:
        if isinstance(operation, ModifyTableOps):
            rewrite(operation.ops, dialect, is_read=is_read)
        elif isinstance(operation, CreateTableOp):
            for item in operation.columns:
                if isinstance(item, Column):
                    rewrite_column(item)
                elif isinstance(item, CheckConstraint):
                    item.sqltext = text(condition(item.sqltext, dialect, is_read=is_read))
        elif isinstance(operation, AddColumnOp):
            rewrite_column(operation.column)
        elif isinstance(operation, CreateCheckConstraintOp):
            operation.condition = condition(operation.condition, dialect, is_read=is_read)
        elif isinstance(operation, AlterColumnOp):
            rewrite_change(operation)


def rewrite_column(column: Column[Any]) -> None:
    """Rewrite the type and the default of a column."""
    column.type = generic(column.type)
    column.server_default = default(column.server_default, column.type)


def rewrite_change(operation: AlterColumnOp) -> None:
    """Rewrite the types and the defaults of a changed column."""
    if operation.existing_type is not None:
        operation.existing_type = generic(operation.existing_type)
    if operation.modify_type is not None:
        operation.modify_type = generic(operation.modify_type)
    kind = operation.modify_type or operation.existing_type
    operation.modify_server_default = default(operation.modify_server_default, kind)
    operation.existing_server_default = default(
        operation.existing_server_default, operation.existing_type
    )


def default(clause: Any, kind: Any) -> Any:  # noqa: ANN401
    """Return a server default without casts; some databases report truth values as numbers."""
    if not isinstance(clause, DefaultClause) or not isinstance(clause.arg, TextClause):
        return clause
    source = without_casts(str(clause.arg))
    if isinstance(kind, Boolean):
        source = {"0": "false", "1": "true"}.get(source, source)
    return DefaultClause(text(source.replace(":", "\\:")))


def condition(expression: Any, dialect: Dialect, *, is_read: bool = False) -> str:  # noqa: ANN401
    """Return a condition as SQL without casts, with IN instead of ANY, and with escaped colons."""
    if is_read and isinstance(expression, TextClause):
        expression = expression.text
    if not isinstance(expression, str):
        compiled = expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        expression = str(compiled)
    return ANY.sub(r"IN (\1)", without_casts(expression)).replace(":", COLON)


def without_casts(source: str) -> str:
    """Return SQL without the casts that a database adds to each literal that it stores."""
    return PIECES.sub(lambda match: match[1] or "", source)
