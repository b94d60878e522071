"""Scopes, which say what rows a caller may access.

A route gets the scope of its caller from a dependency, such as `owner_or_permission`. The route
passes the scope to the service, which filters its queries by the scope.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute


@dataclass(frozen=True)
class Scope:
    """A set of rows: all rows, or only those of one owner."""

    owner_id: UUID | None = None  # None: the rows of every owner

    def includes(self, owner_id: UUID | None) -> bool:
        """Return whether the rows of an owner are in this scope."""
        return self.owner_id is None or self.owner_id == owner_id


ALL = Scope()
NONE = Scope(UUID(int=0))  # no row has this owner


def owned(
    column: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], scope: Scope
) -> list[ColumnElement[bool]]:
    """Return the SQL conditions that restrict a query to a scope."""
    return [] if scope.owner_id is None else [column == scope.owner_id]
