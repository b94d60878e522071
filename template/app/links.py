"""Link headers: `Location` of a created row, and `Link` to other pages of a list (RFC 8288)."""

from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from app.pagination import Slice


class Identified(Protocol):
    """An object with an `id`, such as a row."""

    id: Any


Created = TypeVar("Created", bound=Identified)
Row = TypeVar("Row")


class LinkWriter:
    """Sets link headers on one response.

    Each method returns its argument.
    """

    def __init__(self, request: Request, response: Response) -> None:
        self.request = request
        self.response = response

    def made(self, row: Created) -> Created:
        """Set the `Location` header to the URL of a created row."""
        self.response.headers["Location"] = f"{self.request.url.path}/{row.id}"
        return row

    def pages(self, page: Slice[Row]) -> Slice[Row]:
        """Set the `Link` header to the first, previous, next and last page of the same query."""
        path = self.request.url.path
        query = [item for item in self.request.query_params.multi_items() if item[0] != "page"]
        numbers = {"first": 1, "prev": page.page - 1, "next": page.page + 1, "last": page.last}
        self.response.headers["Link"] = ", ".join(
            f'<{path}?{urlencode([*query, ("page", number)])}>; rel="{name}"'
            for name, number in numbers.items()
            if 1 <= number <= page.last
        )
        return page


async def write(request: Request, response: Response) -> LinkWriter:
    """Return a `LinkWriter` for the current response (a dependency)."""
    return LinkWriter(request, response)


Links = Annotated[LinkWriter, Depends(write)]
