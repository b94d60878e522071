"""Routes to manage roles."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter

from app.auth import PresentUser, require_permission
from app.database import ReadSession, Session
from app.errors import Conflict, NotFound, error_responses
from app.models.user import Role
from app.schemas.user import Name, RoleChange, RoleRead
from app.services import role as roles

READ, WRITE = require_permission("users:read"), require_permission("roles:write")

router = APIRouter(prefix="/roles", tags=["roles"])


@router.get("", response_model=list[RoleRead], dependencies=[READ])
async def list_roles(session: ReadSession) -> Sequence[Role]:
    """List all roles with their permissions."""
    return await roles.search(session)


@router.put(
    "/{name}",
    response_model=RoleRead,
    responses=error_responses(Conflict),
    dependencies=[WRITE],
)
async def put_role(session: Session, caller: PresentUser, name: Name, change: RoleChange) -> Role:
    """Create a role, or replace its permissions."""
    return await roles.put(session, caller, name, change)


@router.delete(
    "/{name}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(NotFound, Conflict),
    dependencies=[WRITE],
)
async def delete_role(session: Session, caller: PresentUser, name: Name) -> None:
    """Delete a role that no user has."""
    return await roles.delete(session, caller, name)
