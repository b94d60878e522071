"""Exceptions of the command, with their exit codes."""

from __future__ import annotations

from typing import Any


class CommandError(Exception):
    """The command cannot run, and changed nothing; the message has the problem and the fix."""

    exit_code = 2


class RejectedError(CommandError):
    """An update is rejected: it conflicts, loses an edit, or fails a check; `report` has the fields of `--json`."""

    exit_code = 1

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = report or {}
