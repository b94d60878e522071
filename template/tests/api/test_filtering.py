"""Tests of filters, search and sort orders of lists."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_resource
from tests.support.sample_resource import URL


@pytest.fixture
async def jots(session: AsyncSession) -> None:
    """Insert three rows of the sample resource `jots`."""
    await sample_resource.make(session, title="A", text="100% wool", amount="10.00", kind="task")
    await sample_resource.make(session, title="B", text="1000 nails", amount="9.00")
    await sample_resource.make(session, title="C", amount="9.50")


@pytest.mark.usefixtures("jots")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "ABC"),
        ("title=B", "B"),
        ("kind=task", "A"),
        ("kind=task&kind=idea", "ABC"),
        ("amount_from=9.5", "AC"),
        ("amount_to=9.5", "BC"),
        ("amount_from=9.25&amount_to=9.75", "C"),
        ("search=100%25", "A"),
        ("search=NAILS", "B"),
        ("search=c", "C"),
        ("search=_", ""),
        ("search=&title=", "ABC"),
        ("sort=-created_at", "CBA"),
        ("sort=text", "ABC"),
        ("sort=-text", "BAC"),
        ("sort=-text&amount_from=9.5", "AC"),
    ],
)
async def test_list_returns_rows_that_match_query(
    jot_client: AsyncClient, query: str, expected: str
) -> None:
    page = (await jot_client.get(f"{URL}?{query}")).json()
    assert "".join(item["title"] for item in page["items"]) == expected
    assert page["total"] == len(expected)
