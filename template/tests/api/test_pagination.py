"""Tests of the page numbers, page sizes and totals of lists."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.pagination import Page
from tests.support import sample_resource
from tests.support.sample_resource import URL


async def test_page_contains_total_number_of_rows(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    for _ in range(3):
        await sample_resource.make(session)
    page = (await jot_client.get(URL, params={"size": 2, "page": 2})).json()
    assert len(page.pop("items")) == 1
    assert page == {"total": 3, "page": 2, "size": 2}


async def test_empty_list_is_one_page_without_items(jot_client: AsyncClient) -> None:
    page = await jot_client.get(URL)
    assert page.json() == {"items": [], "total": 0, "page": 1, "size": 20}
    assert set(page.links) == {"first", "last"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [("page=1&size=1", (1, 1)), ("page=1000000", (1_000_000, 20)), ("size=100", (1, 100))],
)
async def test_list_accepts_smallest_and_largest_page_number_and_size(
    jot_client: AsyncClient, query: str, expected: tuple[int, int]
) -> None:
    page = (await jot_client.get(f"{URL}?{query}")).raise_for_status().json()
    assert (page["page"], page["size"]) == expected


def test_page_schema_declares_minimum_for_each_number() -> None:
    fields = Page[int].model_json_schema()["properties"]
    minimums = {name: field.get("minimum") for name, field in fields.items()}
    assert minimums == {"items": None, "total": 0, "page": 1, "size": 1}


@pytest.mark.parametrize("query", ["page=0", "page=1000001", "size=0", "size=101", "colour=green"])
async def test_list_with_invalid_query_parameter_returns_422(
    jot_client: AsyncClient, query: str
) -> None:
    response = await jot_client.get(f"{URL}?{query}")
    assert response.status_code == 422
    assert [error["location"] for error in response.json()["errors"]] == [
        f"query.{query.partition('=')[0]}"
    ]
