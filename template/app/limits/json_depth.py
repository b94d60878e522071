"""Limit of the depth to which JSON may be nested.

Serializers recurse: Pydantic's raises an error at a depth of 255, orjson's at 254. A value that is
nested deeper could be stored, but not returned.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 200  # levels; pages of a list add some


@dataclass
class JsonDepth:
    """Maximum nesting depth, which `app.middleware` configures for the process."""

    limit: int = 100  # levels

    @property
    def message(self) -> str:
        """The message of a validation error."""
        return f"Must not be nested deeper than {self.limit} levels."

    def check(self, value: Any) -> None:  # noqa: ANN401 - any value of JSON
        """Check how deep the arrays and objects of a value are nested, without recursion.

        Raises:
            ValueError: the value is nested deeper than the limit.
        """
        level = [value]
        for _ in range(self.limit):
            level = [child for each in level for child in _children(each)]
            if not level:
                return
        if any(isinstance(each, dict | list) for each in level):
            raise ValueError(self.message)


def _children(value: Any) -> Iterable[Any]:  # noqa: ANN401
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


JSON_DEPTH = JsonDepth()
