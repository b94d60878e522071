"""Response schema of background jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.enums.job import JobState
from app.schemas.base import ReadSchema


class JobRead(ReadSchema):
    """Status of a background job, with its result once the job is done."""

    id: UUID
    task: str
    state: JobState
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    result: Any | None
