"""Whose rows a route means: what routers declare where rows are somebody's own."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends

from app.auth import Caller, current_caller
from app.errors import Forbidden
from app.models.user import EVERYTHING
from app.owning import NOBODY, Reach


def reach(caller: Caller, *permissions: str) -> UUID | None:
    """Say whose rows any of some permissions opens: everybody's (None), or else the caller's own.

    A key opens nobody's, unless one of the permissions is among its scopes.
    """
    if any(map(caller.may, permissions)):
        return None
    return NOBODY if caller.scopes.isdisjoint({*permissions, EVERYTHING}) else caller.user.id


class Ownership:
    """A dependency that gives whose rows are meant: everybody's (None), or those of who calls."""

    def __init__(self, *permissions: str) -> None:
        self.permissions = permissions

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> UUID | None:
        """Give the owner.

        Raises:
            Forbidden: a key calls that has no such scope.
        """
        owner = reach(caller, *self.permissions)
        if owner == NOBODY:
            raise Forbidden(f"This takes a key with the scope {self.permissions[0]}.")
        return owner


class References:
    """A dependency that gives whose rows each reference may lead to."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = paths

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> Reach:
        """Give the owners, by the columns that refer to their rows."""
        paths = self.paths.items()
        return {name: reach(caller, f"{path}:read", f"{path}:write") for name, path in paths}


def own_unless(*permissions: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Have a route mean the caller's own rows, unless a permission opens everybody's."""
    return Depends(Ownership(*permissions))


def reaching(**paths: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Have references lead to rows that their own routes would show; each has its path."""
    return Depends(References(paths))
