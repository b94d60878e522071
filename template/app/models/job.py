"""Table of background jobs, which is also the transactional outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.enums.job import JobState
from app.models.base import Base, Identified, enum_check, enum_type, now


class Job(Identified, Base):
    """A background job, which is delivered at least once.

    A worker may claim the job from `due_at` on. While a worker runs the job, `due_at` is the end of
    the worker's lease. Once the job is done or dead, `due_at` is null.
    """

    __tablename__ = "jobs"
    __table_args__ = (enum_check("state", JobState),)

    task: Mapped[str] = mapped_column(String(80))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    key: Mapped[str | None] = mapped_column(String(240), unique=True)  # idempotency key
    asked_by: Mapped[UUID | None]  # the user who submitted it, in a service with users
    traceparent: Mapped[str | None] = mapped_column(String(55))  # W3C Trace Context
    state: Mapped[JobState] = mapped_column(enum_type(JobState), default=JobState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(default=now, index=True)
    error: Mapped[str | None] = mapped_column(String(200))
    result: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
