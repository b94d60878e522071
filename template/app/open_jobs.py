"""Jobs where nobody signs in: everybody may ask for them, and see them."""

from typing import Annotated

from fastapi import Depends, Request, Response

from app.database import Session
from app.jobs.accepting import Acceptance, IdempotencyKey


async def acceptance(
    request: Request,
    response: Response,
    session: Session,
    idempotency_key: IdempotencyKey = None,
) -> Acceptance:
    """Give what accepts jobs of this request."""
    return Acceptance(request, response, session, idempotency_key)


Accepts = Annotated[Acceptance, Depends(acceptance)]
