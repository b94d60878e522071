"""Exceptions that end a command of `slipway`, with their exit codes."""

from __future__ import annotations

from typing import Any


class CommandError(Exception):
    """Raised if a command cannot run and has changed nothing.

    The message says what is wrong and how to fix it.
    """

    exit_code = 2


class RejectedError(CommandError):
    """Raised if an update conflicts, loses an edit or fails a check.

    `report` has the fields that `--json` prints.
    """

    exit_code = 1

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = report or {}
