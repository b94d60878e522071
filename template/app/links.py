"""Link headers: `Location` of a created row, `Link` to the other pages of a list (RFC 8288)."""

from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from app.pagination import Slice


class Identified(Protocol):
    """A row with a primary key `id`."""

    id: Any


Created = TypeVar("Created", bound=Identified)
Row = TypeVar("Row")


class LinkWriter:
    """Sets link headers of one response; its methods return their argument."""

    def __init__(self, request: Request, response: Response) -> None:
        self.request = request
        self.response = response

    def made(self, row: Created) -> Created:
        """Set `Location` to the URL of a created row, below that of its collection."""
        self.response.headers["Location"] = f"{self.request.url.path}/{row.id}"
        return row

    def pages(self, page: Slice[Row]) -> Slice[Row]:
        """Set `Link` to the first, previous, next and last page, with the same filters."""
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
    """Return the link writer of the current response (a dependency)."""
    return LinkWriter(request, response)


Links = Annotated[LinkWriter, Depends(write)]
