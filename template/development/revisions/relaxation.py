"""Relaxation: operations that allow more values, such as a dropped constraint or a longer type.

They come before the checks of rows, so that a statement above a check can write values that the
old constraints reject.
"""

from collections.abc import Iterable
from typing import Any

from alembic.operations.ops import AlterColumnOp, DropConstraintOp, DropIndexOp, ModifyTableOps

from development.revisions.types import is_lossless


def before(steps: Iterable[Any], table: ModifyTableOps) -> list[Any]:
    """Return steps and a table's operations in the order in which a revision runs them."""
    steps = list(steps)
    relaxed = [each for each in table.ops if relaxes(each)] if steps else []
    if not relaxed:
        return [*steps, table]
    rest = [each for each in table.ops if each not in relaxed]
    first, second = (
        ModifyTableOps(table.table_name, operations, schema=table.schema)
        for operations in (relaxed, rest)
    )
    return [first, *steps, second]


def relaxes(operation: object) -> bool:
    """Return whether a table allows all values of before, and others, after an operation."""
    if isinstance(operation, DropIndexOp):
        return bool(operation.kw.get("unique"))
    if isinstance(operation, AlterColumnOp):
        old, new = operation.existing_type, operation.modify_type
        is_wider = old is not None and new is not None and is_lossless(old, new)
        is_narrower = new is not None and not is_wider
        is_optional = operation.modify_nullable
        return (is_wider or is_optional is True) and not (is_narrower or is_optional is False)
    return isinstance(operation, DropConstraintOp)
