"""Routes to list, create and revoke API keys, which users create for machine clients."""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from app.auth import PresentUser
from app.auth.key_limit import KeyLimit
from app.database import ReadSession, Session
from app.errors import Conflict, NotFound, error_responses
from app.models.api_key import ApiKey
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyRead
from app.services import api_key as api_keys

router = APIRouter(prefix="/users/me/api-keys", tags=["api keys"])


@router.get("", response_model=list[ApiKeyRead])
async def list_api_keys(session: ReadSession, user: PresentUser) -> Sequence[ApiKey]:
    """List the current user's API keys, without their secrets."""
    return await api_keys.search(session, user)


@router.post("", status_code=HTTPStatus.CREATED, responses=error_responses(Conflict))
async def create_api_key(
    session: Session, user: PresentUser, new: ApiKeyCreate, limit: KeyLimit
) -> ApiKeyCreated:
    """Create an API key. Its secret is returned only once."""
    return await api_keys.create(session, user, new, limit)


@router.delete("/{key_id}", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(NotFound))
async def delete_api_key(session: Session, user: PresentUser, key_id: UUID) -> None:
    """Revoke an API key."""
    return await api_keys.delete(session, user, key_id)
