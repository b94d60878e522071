"""Tests of the headers `Location` and `Link`."""

from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_resource
from tests.support.sample_resource import URL


async def test_location_header_is_url_of_created_row(jot_client: AsyncClient) -> None:
    created = await jot_client.post(URL, json=sample_resource.payload())
    assert created.status_code == 201
    assert created.headers["Location"] == f"{URL}/{created.json()['id']}"
    assert (await jot_client.get(created.headers["Location"])).json() == created.json()


async def test_link_header_points_to_other_list_pages(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    for title in ("Tea A", "Tea B", "Coffee", "Tea C", "Tea D", "Tea E"):
        await sample_resource.make(session, title=title)
    page = await jot_client.get(URL, params={"size": 2, "page": 2, "search": "tea"})
    assert [item["title"] for item in page.json()["items"]] == ["Tea C", "Tea D"]
    assert {name: link["url"][-6:] for name, link in page.links.items()} == {
        "first": "page=1",
        "prev": "page=1",
        "next": "page=3",
        "last": "page=3",
    }
    next_page = await jot_client.get(page.links["next"]["url"])
    assert [item["title"] for item in next_page.json()["items"]] == ["Tea E"]
    assert set(next_page.links) == {"first", "prev", "last"}
