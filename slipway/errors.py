"""Errors of the command, each with its exit code."""

from __future__ import annotations

from typing import Any


class CommandError(Exception):
    """The command cannot run; nothing was changed. The message says what is missing and how to provide it."""

    exit_code = 2


class RejectedError(CommandError):
    """The result would lose an edit, or would not work; `report` has the fields that `--json` prints."""

    exit_code = 1

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = report or {}
