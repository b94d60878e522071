"""States of a background job."""

from enum import StrEnum


class JobState(StrEnum):
    """State of a background job; a dead job failed too often, and is retried on command only."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"  # the dead letters of this queue: `uv run app dead-jobs` lists them
