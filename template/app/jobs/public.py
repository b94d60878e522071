"""Access rules of jobs in a service without accounts, where jobs have no owner."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response

from app.database import Session
from app.jobs.submission import IdempotencyKey, JobSubmitter
from app.scope import ALL, Scope


async def everyone() -> Scope:
    """Return the scope of all jobs, which everyone may read."""
    return ALL


async def job_submitter(
    request: Request,
    response: Response,
    session: Session,
    idempotency_key: IdempotencyKey = None,
) -> JobSubmitter:
    """Return a `JobSubmitter` whose jobs have no owner (a dependency)."""
    return JobSubmitter(request, response, session, idempotency_key)


READ = Depends(everyone)
REPORTS: list[Any] = []
Jobs = Annotated[JobSubmitter, Depends(job_submitter)]
