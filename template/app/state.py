"""Typed keys for values in `app.state`, like `AppKey` of aiohttp.

A part of the service defines the key beside the type of its value, so `mypy` knows the type of the
value that is read.
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class StateKey(Generic[T]):
    """The name of an attribute of `app.state`, with the type of its value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, app: Any) -> T:  # noqa: ANN401 - `request.app` is untyped
        """Return the value that `app.state` stores under this key.

        Raises:
            AttributeError: the part is not installed, or the service has not started.
        """
        value: T = getattr(app.state, self.name)
        return value

    def find(self, app: Any) -> T | None:  # noqa: ANN401
        """Return the value that `app.state` stores under this key, or None if it is not set."""
        value: T | None = getattr(app.state, self.name, None)
        return value

    def set(self, app: Any, value: T) -> None:  # noqa: ANN401
        """Store the value in `app.state` under this key."""
        setattr(app.state, self.name, value)


SERVER_OPTIONS = StateKey[dict[str, Any]]("server_options")  # further options of uvicorn
# Whether the process does work besides that of requests, such as jobs; False in `app check`.
BACKGROUND_WORK = StateKey[bool]("background_work")
# Returns who may call a route that depends on these functions, in words.
AUTHORIZATION = StateKey[Callable[[Iterable[object]], str]]("authorization")
