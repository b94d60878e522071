"""Routes to list and end sessions: one's own, and those of other users."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from app.auth import PresentUser, require_permission
from app.auth.local.accounts import CurrentSession
from app.database import ReadSession, Session
from app.errors import Conflict, NotFound, error_responses
from app.schemas.user_session import SessionRead
from app.services import user as users
from app.services import user_session as user_sessions

READ, WRITE = require_permission("users:read"), require_permission("users:write")

router = APIRouter(prefix="/users", tags=["sessions"])


@router.get("/me/sessions")
async def list_own_sessions(
    session: ReadSession, user: PresentUser, current: CurrentSession
) -> list[SessionRead]:
    """List the current user's sessions, the newest first."""
    return await user_sessions.search(session, user.id, current)


@router.delete(
    "/me/sessions/{session_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound),
)
async def end_session(session: Session, user: PresentUser, session_id: UUID) -> None:
    """End one of the current user's sessions. Revokes its tokens."""
    return await user_sessions.end_of_user(session, user.id, session_id)


@router.get("/{user_id}/sessions", responses=error_responses(NotFound), dependencies=[READ])
async def list_user_sessions(session: ReadSession, user_id: UUID) -> list[SessionRead]:
    """List a user's sessions, the newest first."""
    return await user_sessions.search(session, (await users.read(session, user_id)).id)


@router.delete(
    "/{user_id}/sessions",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def end_user_sessions(session: Session, caller: PresentUser, user_id: UUID) -> None:
    """End all of a user's sessions. Revokes their tokens, but no API keys."""
    return await users.end_sessions(session, user_id, caller)


@router.delete(
    "/{user_id}/sessions/{session_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def end_user_session(
    session: Session, caller: PresentUser, user_id: UUID, session_id: UUID
) -> None:
    """End one of a user's sessions. Revokes its tokens."""
    return await user_sessions.end_of_user(
        session, (await users.lock_for_revocation(session, user_id, caller)).id, session_id
    )
