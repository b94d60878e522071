"""Routes to list and end the current user's sessions."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from app.auth import PresentUser
from app.auth.local.accounts import CurrentSession
from app.database import ReadSession, Session
from app.errors import NotFound, error_responses
from app.schemas.user_session import SessionRead
from app.services import user_session as user_sessions

router = APIRouter(prefix="/users/me/sessions", tags=["sessions"])


@router.get("")
async def list_sessions(
    session: ReadSession, user: PresentUser, current: CurrentSession
) -> list[SessionRead]:
    """List the current user's sessions, the newest first."""
    return await user_sessions.search(session, user.id, current)


@router.delete(
    "/{session_id}", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(NotFound)
)
async def end_session(session: Session, user: PresentUser, session_id: UUID) -> None:
    """End one of the current user's sessions. Revokes its tokens."""
    return await user_sessions.end_of_user(session, user.id, session_id)
