"""Conversions: changes of a column's type to another kind, such as from text to a number.

They come before the other changes of a table, whose defaults and conditions suit the new type.
"""

from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, DropConstraintOp, DropIndexOp, ModifyTableOps
from sqlalchemy import JSON, Boolean, Date, DateTime, Numeric, String
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from migrations.conversions import family

UTC_TEXT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
POSTGRESQL: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
CASTS = {  # where a plain cast is missing, or depends on the session's time zone
    (DateTime, String): UTC_TEXT,
    (Date, DateTime): "CAST({} AS timestamp) AT TIME ZONE 'UTC'",
    (DateTime, Date): "CAST({} AT TIME ZONE 'UTC' AS date)",
    (Numeric, Boolean): "{} <> 0",
    (Boolean, Numeric): "CAST(CAST({} AS integer) AS {kind})",
    (JSON, String): "CAST({} AS text)",
}


class ConvertColumnOp(AlterColumnOp):
    """A change of a column's type with the expression (USING) that converts its values."""


@renderers.dispatch_for(ConvertColumnOp)
def render(context: AutogenContext, operation: ConvertColumnOp) -> str:
    """Render the change with its expression, which Alembic's own renderer omits."""
    source = str(renderers.dispatch(AlterColumnOp)(context, operation))
    return f"{source[:-1]}, postgresql_using={operation.kw['postgresql_using']!r})"


def split(table: ModifyTableOps) -> list[ModifyTableOps]:
    """Return a table's operations, those that drop before those that create; conversions apart.

    Raises:
        ValueError: a conversion has no meaning; the error names the column and the fix.
    """
    drops = [each for each in table.ops if isinstance(each, DropIndexOp | DropConstraintOp)]
    others = [each for each in table.ops if each not in drops]
    first: list[Any] = list(drops)
    for operation in others:
        if isinstance(operation, AlterColumnOp) and is_conversion(operation):
            first += without_default(operation)
            first.append(convert(operation))
            operation.existing_type, operation.modify_type = operation.modify_type, None
    rest = [each for each in others if not isinstance(each, AlterColumnOp) or each.has_changes()]
    if len(first) == len(drops):
        table.ops = [*drops, *rest]
        return [table]
    parts = [ModifyTableOps(table.table_name, ops, schema=table.schema) for ops in (first, rest)]
    return [part for part in parts if part.ops]


def is_conversion(operation: AlterColumnOp) -> bool:
    """Return whether an operation changes a column's type to another kind."""
    old, new = operation.existing_type, operation.modify_type
    return old is not None and new is not None and family(old) is not family(new)


def without_default(operation: AlterColumnOp) -> list[AlterColumnOp]:
    """Return the operation that drops a column's default, which the new type may not accept."""
    if not operation.existing_server_default:
        return []
    dropped = AlterColumnOp(
        operation.table_name,
        operation.column_name,
        existing_type=operation.existing_type,
        existing_nullable=operation.existing_nullable,
        modify_server_default=None,
    )
    return [dropped]


def convert(operation: AlterColumnOp) -> ConvertColumnOp:
    """Return the operation that only converts the values of a column."""
    old: Any = operation.existing_type
    new: Any = operation.modify_type
    nullable = operation.existing_nullable
    return ConvertColumnOp(
        operation.table_name,
        operation.column_name,
        existing_type=old,
        existing_nullable=nullable,
        modify_type=new,
        postgresql_using=using(operation, old, new),
    )


def using(operation: AlterColumnOp, old: TypeEngine[Any], new: TypeEngine[Any]) -> str:
    """Return the SQL expression that converts the values of a column."""
    families = family(old), family(new)
    dialect = POSTGRESQL
    kind = new.compile(dialect)
    if String not in families and families not in CASTS:
        name = f"{operation.table_name}.{operation.column_name}"
        message = (
            f"{name}: values of {old.compile(dialect)} do not convert to {kind}. Give the new field"
            " another name, or remove the field by one revision, and add it by the next."
        )
        raise ValueError(message)
    name = dialect.identifier_preparer.quote(operation.column_name)
    return CASTS.get(families, "CAST({} AS {kind})").format(name, kind=kind)
