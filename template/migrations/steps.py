"""Steps of revisions that Alembic lacks: checks of rows, casts of values, renames of constraints.

`app revision` writes them, and deployed revisions call them, so their names must not change. A
failed check raises, and the migration is rolled back. Old constraints are dropped above the checks,
so that statements there can write values that only the new constraints allow.
"""

from functools import partial
from typing import Any

from alembic import op
from alembic.ddl.impl import DefaultImpl
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    Text,
    cast,
    column,
    func,
    literal,
    literal_column,
    not_,
    select,
    table,
)
from sqlalchemy.schema import conv
from sqlalchemy.types import TypeEngine

from app.migrate import MigrationError
from migrations.conversions import convert, family, generic

FIX = "Change them first, such as by `op.execute` above this step."


def require(name: str, condition: str) -> None:
    """Fail if an SQL condition is false for rows of a table; NULL counts as true."""
    if number := _number(_rows(name).where(not_(literal_column(f"({condition})", Boolean)))):
        rows = _counted(number, "row violates", "rows violate")
        message = f"{name}: {rows} `{condition}`. {FIX}"
        raise MigrationError(message)


def require_unique(name: str, *columns: str) -> None:
    """Fail if rows of a table have the same values in columns; NULL differs from NULL."""
    keys: list[ColumnElement[Any]] = [column(each) for each in columns]
    rows = select(literal(1)).select_from(table(name)).where(*(key.is_not(None) for key in keys))
    groups = rows.group_by(*keys).having(func.count() > 1).subquery()
    if number := _number(select(func.count()).select_from(groups)):
        names = ", ".join(columns)
        values = _counted(number, f"value of {names} occurs", f"values of {names} occur")
        message = f"{name}: {values} in several rows. {FIX}"
        raise MigrationError(message)


def require_referenced(name: str, reference: str, target: str, key: str) -> None:
    """Fail if a column has values that are no keys of another table."""
    keys: Select[Any] = select(column(key)).select_from(table(target))
    if number := _number(_rows(name).where(column(reference).not_in(keys))):
        rows = _counted(number, "row references", "rows reference")
        message = f"{name}: {rows} missing {target} by {reference}. {FIX}"
        raise MigrationError(message)


def require_empty(name: str, added: str) -> None:
    """Fail if a table has rows, because an added column is required and has no default."""
    if number := _number(_rows(name)):
        rows = _counted(number, "row", "rows")
        message = (
            f"{name}: {rows} would lack {added}, which is required without a default."
            " Give it a default, or make it optional first."
        )
        raise MigrationError(message)


def require_convertible(
    name: str, changed: str, old: TypeEngine[Any], new: TypeEngine[Any]
) -> None:
    """Fail if values of a column cannot be converted to another type without loss."""
    if op.get_context().as_sql:
        return
    value: ColumnElement[Any] = column(changed, old)
    value = cast(value, Text) if isinstance(old, JSON) else value  # JSON has no equality
    rows = select(value, func.count()).select_from(table(name)).where(value.is_not(None))
    values = op.get_bind().execute(rows.group_by(value))
    if number := sum(count for one, count in values if not _is_convertible(one, new)):
        kind = new.compile(op.get_bind().dialect)
        lost = _counted(number, f"value of {changed} does", f"values of {changed} do")
        message = f"{name}: {lost} not convert to {kind}. {FIX}"
        raise MigrationError(message)


def rename_names(name: str, renamed: dict[str, str]) -> None:
    """Rename indexes and constraints of a table."""
    if op.get_context().as_sql or op.get_bind().dialect.supports_alter:
        for old, new in renamed.items():
            constraint = old.startswith(("pk_", "uq_", "ck_", "fk_"))
            alter = f"TABLE {_quote(name)} RENAME CONSTRAINT" if constraint else "INDEX"
            to = "TO" if constraint else "RENAME TO"
            op.execute(f"ALTER {alter} {_quote(old)} {to} {_quote(new)}")
        return
    reflect: Any = op.get_context().impl.autogen_column_reflect
    present = Table(
        name,
        MetaData(),
        autoload_with=op.get_bind(),
        resolve_fks=False,
        listeners=[("column_reflect", reflect)],
    )
    named: list[Any] = [*present.indexes, *present.constraints]
    for each in named:
        each.name = conv(renamed.get(str(each.name), str(each.name))) if each.name else None
    with op.batch_alter_table(name, copy_from=present, recreate="always"):
        pass  # the copy has the new names


def cast_in_copies(impl: DefaultImpl) -> None:
    """Convert values in Python where Alembic alters a column by copying its table."""

    def convert_values(
        existing: Column[Any], transfer: dict[str, Any], new: TypeEngine[Any]
    ) -> None:
        connection = impl.connection
        old = generic(existing.type)
        if connection is None or family(old) is family(new):
            return
        function = f"convert_{existing.name}"
        driver: Any = connection.connection
        driver.create_function(function, 1, partial(_stored, connection, old, new))
        transfer["expr"] = getattr(func, function)(transfer["expr"])

    impl.cast_for_batch_migrate = convert_values  # type: ignore[method-assign]


def _stored(connection: Connection, old: TypeEngine[Any], new: TypeEngine[Any], raw: object) -> Any:  # noqa: ANN401
    """Convert a stored value to the stored form of another type."""
    load: Any = old.dialect_impl(connection.dialect).result_processor(connection.dialect, None)
    store: Any = new.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if raw is None:
        return None
    value = convert(load(raw) if load else raw, new)
    return store(value) if store else value


def _is_convertible(value: object, kind: TypeEngine[Any]) -> bool:
    try:
        convert(value, kind)
    except (ValueError, ArithmeticError, RecursionError):
        return False
    return True


def _rows(name: str) -> Select[int]:
    return select(func.count()).select_from(table(name))


def _number(query: Select[int]) -> int:
    """Return the result of a query that counts; 0 in offline mode, which has no database."""
    return 0 if op.get_context().as_sql else op.get_bind().scalars(query).one()


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _quote(name: str) -> str:
    return op.get_context().dialect.identifier_preparer.quote(name)
