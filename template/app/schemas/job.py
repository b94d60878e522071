"""Jobs, as they are shown."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.enums.job import JobState
from app.schemas.base import ReadSchema


class JobRead(ReadSchema):
    """A job, and how far it is; once it is done, its result."""

    id: UUID
    task: str
    state: JobState
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    result: Any | None
