"""Routes to manage users, and for users to change their own account."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.auth import SIGNED_IN, CurrentUser, Inviter, PresentUser, require_permission
from app.database import ReadSession, Session
from app.errors import Conflict, NotFound, error_responses
from app.links import Links
from app.models.api_key import ApiKey
from app.models.user import User
from app.pagination import Page, Slice
from app.schemas.api_key import ApiKeyRead
from app.schemas.user import ProfileUpdate, UserCreate, UserQuery, UserRead, UserUpdate
from app.services import api_key as api_keys
from app.services import user as users

READ, WRITE = require_permission("users:read"), require_permission("users:write")

router = APIRouter(tags=["users"], dependencies=[SIGNED_IN])


@router.get("/users/me", response_model=UserRead)
async def read_me(user: CurrentUser) -> User:
    """Return the current user."""
    return user


@router.patch("/users/me", response_model=UserRead)
async def update_me(session: Session, user: PresentUser, changes: ProfileUpdate) -> User:
    """Change the current user's profile."""
    return await users.update_profile(session, user, changes)


@router.delete("/users/me", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(Conflict))
async def delete_me(session: Session, user: PresentUser) -> None:
    """Delete the current user's account (soft delete)."""
    return await users.delete_own(session, user)


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


@router.post(
    "/users",
    status_code=HTTPStatus.CREATED,
    response_model=UserRead,
    responses=error_responses(Conflict),
    dependencies=[WRITE],
)
async def create_user(
    session: Session, caller: PresentUser, new: UserCreate, invite: Inviter, links: Links
) -> User:
    """Create a user with roles, and send an invitation if the service has the passwords."""
    return links.made(await users.create(session, caller, new, invite))


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
    session: Session, user_id: UUID, caller: PresentUser, changes: UserUpdate
) -> User:
    """Change a user's name or roles, disable or enable the user. Revokes the user's tokens."""
    return await users.update(session, user_id, caller, changes)


@router.delete(
    "/users/{user_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def delete_user(session: Session, user_id: UUID, caller: PresentUser) -> None:
    """Delete a user (soft delete). Revokes the user's tokens."""
    return await users.delete(session, user_id, caller)


@router.get(
    "/users/{user_id}/api-keys",
    response_model=list[ApiKeyRead],
    responses=error_responses(NotFound),
    dependencies=[READ],
)
async def list_user_api_keys(session: ReadSession, user_id: UUID) -> Sequence[ApiKey]:
    """List a user's API keys, without their secrets."""
    return await api_keys.search(session, await users.read(session, user_id))


@router.delete(
    "/users/{user_id}/api-keys",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def delete_user_api_keys(session: Session, user_id: UUID, caller: PresentUser) -> None:
    """Revoke all of a user's API keys."""
    return await api_keys.delete_all(
        session, await users.lock_for_revocation(session, user_id, caller)
    )


@router.delete(
    "/users/{user_id}/api-keys/{key_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def delete_user_api_key(
    session: Session, user_id: UUID, key_id: UUID, caller: PresentUser
) -> None:
    """Revoke one of a user's API keys."""
    return await api_keys.delete(
        session, await users.lock_for_revocation(session, user_id, caller), key_id
    )
