"""Submission of jobs by requests: 202 Accepted, with the URL of the job's status."""

from typing import Annotated
from uuid import UUID

from fastapi import Header, Request, Response
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import flush
from app.jobs.outbox import enqueue, enqueue_once
from app.jobs.task import A, Task
from app.models.job import Job
from app.routing.root_path import root_path

# The header `Idempotency-Key` (an IETF draft): a repeated request enqueues no second job.
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[!-~]+$")] | None,
    Header(),
]


class JobSubmitter:
    """Submits jobs in the transaction of a request.

    An idempotency key submits at most one job.
    """

    def __init__(
        self,
        request: Request,
        response: Response,
        session: AsyncSession,
        key: str | None,
        asked_by: UUID | None = None,
    ) -> None:
        self.request = request
        self.response = response
        self.session = session
        self.key = key
        self.asked_by = asked_by

    async def submit(self, task: Task[A], arguments: A) -> Job:
        """Enqueue a job, and set the `Location` header to the URL of its status."""
        job = await self._enqueue(task, arguments)
        path = self.request.app.url_path_for("read_job", job_id=job.id)
        self.response.headers["Location"] = f"{root_path(self.request.scope)}{path}"
        return job

    async def _enqueue(self, task: Task[A], arguments: A) -> Job:
        if self.key is None:
            job = enqueue(self.session, task, arguments, asked_by=self.asked_by)
            await flush(self.session)
            return job
        key = f"{task.name}:{self.asked_by}:{self.key}"
        return await enqueue_once(self.session, task, arguments, key, asked_by=self.asked_by)
