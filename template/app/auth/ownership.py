"""Dependencies that restrict a route to the rows that its caller owns."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends

from app.auth.callers import Caller, current_caller
from app.auth.permissions import register
from app.auth.references import ReferenceScopes
from app.errors import Forbidden
from app.scope import ALL, NONE, Scope


def scope_of(caller: Caller, *permissions: str) -> Scope:
    """Return the scope `ALL` for a caller with a permission, else the caller's own rows.

    An API key without one of the permissions among its scopes accesses no row.
    """
    if any(map(caller.may, permissions)):
        return ALL
    return Scope(caller.user.id) if caller.has_scope(*permissions) else NONE


class OwnerOrPermission:
    """Dependency that limits callers without a permission to their own rows."""

    def __init__(self, *permissions: str) -> None:
        register(*permissions)
        self.permissions = permissions

    def __str__(self) -> str:
        return f"owner, or {' or '.join(self.permissions)}"

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> Scope:
        """Return the scope of rows that the current caller may access (the dependency)."""
        return self.scope(caller)

    def scope(self, caller: Caller) -> Scope:
        """Return all rows for a caller with a permission, else the caller's own rows.

        Raises:
            Forbidden: the API key lacks the scope.
        """
        scope = scope_of(caller, *self.permissions)
        if scope == NONE:
            raise Forbidden(f"The API key lacks the scope {self.permissions[0]}.")
        return scope


class References:
    """Dependency that limits foreign keys to rows that the caller may reference."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = paths

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> ReferenceScopes:
        """Map each foreign-key column to the scope of rows that the caller may reference."""
        paths = self.paths.items()
        return {column: scope_of(caller, f"{path}:read", f"{path}:write") for column, path in paths}


def owner_or_permission(*permissions: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Return a dependency that limits callers without a permission to their own rows.

    A caller with one of the permissions may access all rows.
    """
    return Depends(OwnerOrPermission(*permissions))


def reference_scopes(**paths: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Return a dependency that restricts foreign keys to rows that the caller may read.

    `paths` maps each foreign-key column to the URL path of the referenced resource.
    """
    return Depends(References(paths))
