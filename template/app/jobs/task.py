"""What a kind of job does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.state import StateKey

A = TypeVar("A", bound=BaseModel)


class GiveUpError(Exception):
    """A job cannot be done, however often it is tried; a task raises it."""


@dataclass(frozen=True)
class TaskContext:
    """What a job works with: a transaction of its own, and the service's parts in `app.state`."""

    session: AsyncSession
    app: FastAPI


@dataclass(frozen=True)
class Task(Generic[A]):
    """What a kind of job does; what `run` returns, as JSON has it, is kept as the job's result.

    `seconds` are those that one attempt may take. The name stands in rows: it stays.
    """

    name: str
    arguments: type[A]
    run: Callable[[TaskContext, A], Awaitable[Any]]
    attempts: int = 8
    seconds: float = 300


class NoArguments(BaseModel):
    """The arguments of a task that takes none."""


async def _nobody_knows(work: TaskContext, arguments: NoArguments) -> None:
    """Fail, so that a worker of a newer release tries again."""
    _ = work, arguments
    message = "This release has no such task."
    raise LookupError(message)


UNKNOWN: Task[NoArguments] = Task("unknown", NoArguments, _nobody_knows)
TASKS = StateKey[dict[str, Task[Any]]]("tasks")
