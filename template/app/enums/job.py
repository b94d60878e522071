"""Enumeration of the states of a background job."""

from enum import StrEnum


class JobState(StrEnum):
    """State of a background job: waiting, running, done or dead.

    A dead job has failed too often. Only the command `retry-job` runs it again.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"  # dead letters, which `uv run app dead-jobs` lists
