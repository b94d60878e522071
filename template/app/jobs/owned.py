"""Access rules of jobs that belong to the user who submitted them.

The permission `jobs:read` grants access to the jobs of all users.
"""

from typing import Annotated

from fastapi import Depends, Request, Response

from app.auth import CurrentUser, require_permission
from app.auth.ownership import owner_or_permission
from app.database import Session
from app.jobs.submission import IdempotencyKey, JobSubmitter

READ = owner_or_permission("jobs:read")
REPORTS = [require_permission("reports:write")]


async def job_submitter(
    request: Request,
    response: Response,
    session: Session,
    user: CurrentUser,
    idempotency_key: IdempotencyKey = None,
) -> JobSubmitter:
    """Return a `JobSubmitter` whose jobs belong to the current user (a dependency)."""
    return JobSubmitter(request, response, session, idempotency_key, user.id)


Jobs = Annotated[JobSubmitter, Depends(job_submitter)]
