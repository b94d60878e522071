"""Headers that lead on."""

from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_resource
from tests.support.sample_resource import URL


async def test_what_is_made_is_shown_where_it_is_said_to_be(jot_client: AsyncClient) -> None:
    made = await jot_client.post(URL, json=sample_resource.payload())
    assert made.status_code == 201
    assert made.headers["Location"] == f"{URL}/{made.json()['id']}"
    assert (await jot_client.get(made.headers["Location"])).json() == made.json()


async def test_a_list_has_pages_that_lead_on(
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
    following = await jot_client.get(page.links["next"]["url"])
    assert [item["title"] for item in following.json()["items"]] == ["Tea E"]
    assert set(following.links) == {"first", "prev", "last"}
