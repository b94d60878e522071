"""Routes to manage users and roles."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.auth import SIGNED_IN, CurrentUser, PresentUser, require_permission
from app.database import ReadSession, Session
from app.errors import Conflict, NotFound, error_responses
from app.links import Links
from app.models.user import Role, User
from app.pagination import Page, Slice
from app.schemas.user import Name, RoleChange, RoleRead, UserQuery, UserRead, UserUpdate
from app.services import user as users

READ, WRITE = require_permission("users:read"), require_permission("users:write")

router = APIRouter(tags=["users"], dependencies=[SIGNED_IN])


@router.get("/users/me", response_model=UserRead)
async def read_me(user: CurrentUser) -> User:
    """Return the current user."""
    return user


@router.post("/users/me/logout-everywhere", status_code=HTTPStatus.NO_CONTENT)
async def logout_everywhere(
    session: Session,
    user: PresentUser,
    keep_api_keys: bool = False,  # noqa: FBT001, FBT002 - a query parameter
) -> None:
    """Revoke all of the current user's tokens, and the API keys unless they are to be kept."""
    return await users.revoke_access(session, user.id, keep_api_keys=keep_api_keys)


@router.get("/users", response_model=Page[UserRead], dependencies=[READ])
async def list_users(
    session: ReadSession, query: Annotated[UserQuery, Query()], links: Links
) -> Slice[User]:
    """List users, with filters, sort order and pagination."""
    return links.pages(await users.search(session, query))


@router.get(
    "/users/{user_id}",
    response_model=UserRead,
    responses=error_responses(NotFound),
    dependencies=[READ],
)
async def read_user(session: ReadSession, user_id: UUID) -> User:
    """Return one user."""
    return await users.read(session, user_id)


@router.patch(
    "/users/{user_id}",
    response_model=UserRead,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def update_user(
    session: Session, user_id: UUID, caller: CurrentUser, changes: UserUpdate
) -> User:
    """Assign a role to a user, or disable or enable the user. Revokes the user's tokens."""
    return await users.update(session, user_id, caller, changes)


@router.delete(
    "/users/{user_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def delete_user(session: Session, user_id: UUID, caller: CurrentUser) -> None:
    """Delete a user (soft delete). Revokes the user's tokens."""
    return await users.delete(session, user_id, caller)


@router.get("/roles", response_model=list[RoleRead], dependencies=[READ])
async def list_roles(session: ReadSession) -> Sequence[Role]:
    """List all roles with their permissions."""
    return await users.list_roles(session)


@router.put(
    "/roles/{name}",
    response_model=RoleRead,
    responses=error_responses(Conflict),
    dependencies=[require_permission("roles:write")],
)
async def put_role(session: Session, name: Name, change: RoleChange) -> Role:
    """Create a role, or replace its permissions."""
    return await users.put_role(session, name, change)
