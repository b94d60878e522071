"""Tasks: the functions that jobs run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.state import StateKey

A = TypeVar("A", bound=BaseModel)


class GiveUpError(Exception):
    """A permanent failure: a task raises it to mark the job as dead at once, without retries."""


@dataclass(frozen=True)
class TaskContext:
    """Context of a running task: the job's transaction, and the app with its state."""

    session: AsyncSession
    app: FastAPI


@dataclass(frozen=True)
class Task(Generic[A]):
    """A task: its name, the model of its arguments, and the function that runs.

    Attributes:
        name: stored in rows, so it must not change
        arguments: a Pydantic model, stored as JSON
        run: the function; its return value, stored as JSON, is the job's result
        attempts: number of attempts until the job is dead
        seconds: timeout of one attempt
    """

    name: str
    arguments: type[A]
    run: Callable[[TaskContext, A], Awaitable[Any]]
    attempts: int = 8
    seconds: float = 300


class NoArguments(BaseModel):
    """Empty arguments of a task without parameters."""


async def _unknown_task(context: TaskContext, arguments: NoArguments) -> None:
    """Raise `LookupError`, because this release does not know the job's task.

    A later attempt may run in a release that knows the task.
    """
    _ = context, arguments
    message = "This release has no task of that name."
    raise LookupError(message)


UNKNOWN: Task[NoArguments] = Task("unknown", NoArguments, _unknown_task)
TASKS = StateKey[dict[str, Task[Any]]]("tasks")
