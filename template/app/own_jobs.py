"""Jobs of those who sign in: each sees their own, unless a permission opens everybody's."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from app.auth import Caller, CurrentUser, current_caller
from app.database import Session
from app.errors import Forbidden
from app.jobs.accepting import Acceptance, IdempotencyKey
from app.models.user import EVERYTHING

PERMISSION = "jobs:read"


async def acceptance(
    request: Request,
    response: Response,
    session: Session,
    user: CurrentUser,
    idempotency_key: IdempotencyKey = None,
) -> Acceptance:
    """Give what accepts jobs of this request."""
    return Acceptance(request, response, session, idempotency_key, user.id)


async def asker(caller: Annotated[Caller, Depends(current_caller)]) -> UUID | None:
    """Give whose jobs are meant: everybody's (None), or those of who calls.

    Raises:
        Forbidden: a key calls that has no such scope.
    """
    if caller.may(PERMISSION):
        return None
    if caller.scopes.isdisjoint({PERMISSION, EVERYTHING}):
        raise Forbidden(f"This takes a key with the scope {PERMISSION}.")
    return caller.user.id


Accepts = Annotated[Acceptance, Depends(acceptance)]
Asker = Annotated[UUID | None, Depends(asker)]
