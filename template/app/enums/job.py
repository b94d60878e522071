"""States of a background job."""

from enum import StrEnum


class JobState(StrEnum):
    """State of a background job; a dead job failed too often, and only a command retries it."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"  # the dead letters of this queue: `uv run app dead-jobs` lists them
