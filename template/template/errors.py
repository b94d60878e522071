"""Why the command cannot go on, in words for the owner."""

from typing import Any


class CommandError(Exception):
    """Something is not there that the command needs; nothing was changed."""

    code = 2


class RefusedError(CommandError):
    """What was asked would lose something, or lead to a service that does not work."""

    code = 1

    def __init__(self, message: str, found: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.found = found or {}  # what `--json` tells besides
