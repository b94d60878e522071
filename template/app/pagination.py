"""Pagination of lists by page number.

`Paging` holds the query parameters, `Slice` the rows of a page, and `Page` the response.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Paging(BaseModel):
    """Query parameters of pagination: page number and size."""

    model_config = ConfigDict(extra="forbid")

    page: int = Field(1, ge=1, le=1_000_000)
    size: int = Field(20, ge=1, le=100)

    @property
    def offset(self) -> int:
        """Number of rows before this page."""
        return (self.page - 1) * self.size


@dataclass(frozen=True)
class Slice(Generic[T]):
    """Rows of one page, with the number of rows in the whole list."""

    items: Sequence[T]
    total: int
    paging: Paging

    @property
    def page(self) -> int:
        return self.paging.page

    @property
    def size(self) -> int:
        return self.paging.size

    @property
    def last(self) -> int:
        """Number of the last page, which is 1 for an empty list."""
        return max(1, -(-self.total // self.size))


class Page(BaseModel, Generic[T]):
    """One page of a list, with the total number of items."""

    items: list[T]
    total: int = Field(ge=0)
    page: int = Field(ge=1)
    size: int = Field(ge=1)
