"""Jobs that a request asks for: it is answered 202, and where the job can be watched."""

from typing import Annotated
from uuid import UUID

from fastapi import Header, Request, Response
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import flush
from app.jobs.asking import ask, ask_once
from app.jobs.task import A, Task
from app.models.job import Job

# As a draft of the IETF's has it: a request that is sent again with the same key asks for nothing.
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[!-~]+$")] | None,
    Header(),
]


class Acceptance:
    """Accepts a job for a request: in its transaction, for whoever calls, and each key once."""

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

    async def accept(self, task: Task[A], arguments: A) -> Job:
        """Ask for a job, and say where it can be watched."""
        job = await self._asked(task, arguments)
        place = self.request.app.url_path_for("read_job", job_id=job.id)
        self.response.headers["Location"] = str(place)
        return job

    async def _asked(self, task: Task[A], arguments: A) -> Job:
        if self.key is None:
            job = ask(self.session, task, arguments, asked_by=self.asked_by)
            await flush(self.session)
            return job
        key = f"{task.name}:{self.asked_by}:{self.key}"
        return await ask_once(self.session, task, arguments, key, asked_by=self.asked_by)
