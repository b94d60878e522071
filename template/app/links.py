"""Headers that lead on: `Location` to what was made, `Link` to the other pages of a list."""

from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from app.pagination import Slice


class Identified(Protocol):
    """Something with a key."""

    id: Any


Made = TypeVar("Made", bound=Identified)
Row = TypeVar("Row")


class LinkWriter:
    """Writes the headers of one answer, and passes on what they are about."""

    def __init__(self, request: Request, response: Response) -> None:
        self.request = request
        self.response = response

    def made(self, row: Made) -> Made:
        """Name the place of a new thing, which stands below its collection's."""
        self.response.headers["Location"] = f"{self.request.url.path}/{row.id}"
        return row

    def pages(self, found: Slice[Row]) -> Slice[Row]:
        """Name the first, previous, next and last page (RFC 8288)."""
        path = self.request.url.path
        query = [item for item in self.request.query_params.multi_items() if item[0] != "page"]
        numbers = {"first": 1, "prev": found.page - 1, "next": found.page + 1, "last": found.last}
        self.response.headers["Link"] = ", ".join(
            f'<{path}?{urlencode([*query, ("page", number)])}>; rel="{name}"'
            for name, number in numbers.items()
            if 1 <= number <= found.last
        )
        return found


async def write(request: Request, response: Response) -> LinkWriter:
    """Give the writer of this request's answer."""
    return LinkWriter(request, response)


Links = Annotated[LinkWriter, Depends(write)]
