"""Ownership: dependencies that return the scope of a route, the caller's own rows or all."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends

from app.auth.callers import Caller, current_caller
from app.auth.references import ReferenceScopes
from app.errors import Forbidden
from app.models.user import EVERYTHING
from app.scope import ALL, NONE, Scope


def scope_of(caller: Caller, *permissions: str) -> Scope:
    """Return all rows if the caller has one of the permissions, else the caller's own.

    An API key without one of the permissions among its scopes accesses no row.
    """
    if any(map(caller.may, permissions)):
        return ALL
    has_scope = not caller.scopes.isdisjoint({*permissions, EVERYTHING})
    return Scope(caller.user.id) if has_scope else NONE


class OwnerOrPermission:
    """Dependency that returns the scope of a caller, given the permissions that open all rows."""

    def __init__(self, *permissions: str) -> None:
        self.permissions = permissions

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> Scope:
        """Return the scope of the caller; see `scope`."""
        return self.scope(caller)

    def scope(self, caller: Caller) -> Scope:
        """Return the scope of a caller.

        Raises:
            Forbidden: the API key lacks the scope.
        """
        scope = scope_of(caller, *self.permissions)
        if scope == NONE:
            raise Forbidden(f"The API key lacks the scope {self.permissions[0]}.")
        return scope


class References:
    """Dependency that returns the scope of each foreign key to rows that have an owner."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = paths

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> ReferenceScopes:
        """Return the scopes by foreign-key column."""
        paths = self.paths.items()
        return {column: scope_of(caller, f"{path}:read", f"{path}:write") for column, path in paths}


def owner_or_permission(*permissions: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Restrict a route to the caller's own rows, unless a permission opens all."""
    return Depends(OwnerOrPermission(*permissions))


def reference_scopes(**paths: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Restrict foreign keys to rows that the caller may read; `paths` maps columns to resources."""
    return Depends(References(paths))
