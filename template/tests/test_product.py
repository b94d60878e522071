"""Products: the whole resource, over HTTP."""

import csv
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.services import product as products
from tests.factories import product as factory

URL = "/api/v1/products"


async def skus(client: AsyncClient, **query: str) -> list[str]:
    """List the SKUs that a query finds."""
    found = await client.get(URL, params=query)
    assert found.status_code == 200, found.text
    return [item["sku"] for item in found.json()["items"]]


async def test_a_new_product_is_shown_where_it_is_said_to_be(client: AsyncClient) -> None:
    made = await client.post(URL, json=factory.payload(sku="TEA-001", price="4.50"))
    assert made.status_code == 201
    shown = await client.get(made.headers["Location"])
    assert shown.json() == made.json()
    assert shown.json()["price"] == "4.50"
    assert shown.json()["status"] == "draft"


async def test_a_sku_is_kept_once(client: AsyncClient) -> None:
    await client.post(URL, json=factory.payload(sku="TEA-001"))
    again = await client.post(URL, json=factory.payload(sku="TEA-001"))
    assert again.status_code == 409
    assert [error["location"] for error in again.json()["errors"]] == ["body.sku"]


async def test_a_taken_sku_cannot_be_moved_to(client: AsyncClient, session: AsyncSession) -> None:
    await factory.make(session, sku="TEA-001")
    other = await factory.make(session)
    moved = await client.patch(f"{URL}/{other.id}", json={"sku": "TEA-001"})
    assert moved.status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sku", ""),
        ("sku", "x" * 33),
        ("title", "   "),
        ("title", "two\nlines"),
        ("description", "\x00"),
        ("price", "-0.01"),
        ("price", "0.001"),
        ("price", "NaN"),
        ("price", "123456789.00"),
        ("status", "lost"),
        ("released_on", "tomorrow"),
        ("colour", "green"),
    ],
)
async def test_what_does_not_fit_is_refused(client: AsyncClient, field: str, value: str) -> None:
    refused = await client.post(URL, json=factory.payload(**{field: value}))
    assert refused.status_code == 422
    assert [error["location"] for error in refused.json()["errors"]] == [f"body.{field}"]


async def test_a_change_leaves_the_rest(client: AsyncClient, session: AsyncSession) -> None:
    product = await factory.make(session, title="Tea", released_on="2026-01-02")
    changed = await client.patch(f"{URL}/{product.id}", json={"title": "Green tea"})
    assert changed.json()["title"] == "Green tea"
    assert changed.json()["released_on"] == "2026-01-02"
    assert changed.json()["updated_at"] > changed.json()["created_at"]


async def test_null_clears_what_may_be_empty(client: AsyncClient, session: AsyncSession) -> None:
    product = await factory.make(session, released_on="2026-01-02")
    cleared = await client.patch(f"{URL}/{product.id}", json={"released_on": None})
    assert cleared.json()["released_on"] is None
    refused = await client.patch(f"{URL}/{product.id}", json={"title": None})
    assert refused.status_code == 422


async def test_a_deleted_product_is_gone(client: AsyncClient, session: AsyncSession) -> None:
    product = await factory.make(session)
    assert (await client.delete(f"{URL}/{product.id}")).status_code == 204
    assert (await client.get(f"{URL}/{product.id}")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_what_is_not_there_is_not_found(client: AsyncClient, method: str) -> None:
    body: dict[str, str] | None = {} if method == "PATCH" else None
    missing = await client.request(method, f"{URL}/{uuid4()}", json=body)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_list_is_filtered(client: AsyncClient, session: AsyncSession) -> None:
    await factory.make(session, sku="A", price="1.00", status="live", released_on="2026-01-01")
    await factory.make(session, sku="B", price="2.00", status="draft", released_on="2026-02-01")
    await factory.make(session, sku="C", price="3.00", status="retired")
    assert await skus(client, status="live") == ["A"]
    assert (await client.get(f"{URL}?status=live&status=draft")).json()["total"] == 2
    assert await skus(client, price_from="2", price_to="2.50") == ["B"]
    assert await skus(client, released_from="2026-01-15") == ["B"]
    assert await skus(client, released_to="2026-01-15") == ["A"]


async def test_a_search_takes_its_words_literally(
    client: AsyncClient, session: AsyncSession
) -> None:
    await factory.make(session, sku="A", title="100% wool")
    await factory.make(session, sku="B", title="1000 nails")
    await factory.make(session, sku="C", title="Tea", description="Not made of WOOL")
    assert await skus(client, search="100%") == ["A"]
    assert await skus(client, search="wool") == ["A", "C"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("price", ["B", "C", "A"]),
        ("-price", ["A", "C", "B"]),
        ("title", ["A", "B", "C"]),
        ("released_on", ["C", "A", "B"]),
        ("-released_on", ["A", "C", "B"]),
        ("-created_at", ["C", "B", "A"]),
    ],
)
async def test_a_list_is_sorted(
    client: AsyncClient, session: AsyncSession, sort: str, expected: list[str]
) -> None:
    await factory.make(session, sku="A", title="a", price="10.00", released_on="2026-02-01")
    await factory.make(session, sku="B", title="b", price="9.00")
    await factory.make(session, sku="C", title="c", price="9.50", released_on="2026-01-01")
    assert await skus(client, sort=sort) == expected


async def test_a_list_has_pages_that_lead_on(client: AsyncClient, session: AsyncSession) -> None:
    for sku in "ABCDE":
        await factory.make(session, sku=sku)
    page = await client.get(URL, params={"size": 2, "page": 2, "search": "Product"})
    assert [item["sku"] for item in page.json()["items"]] == ["C", "D"]
    assert page.json()["total"] == 5
    assert {name: link["url"][-6:] for name, link in page.links.items()} == {
        "first": "page=1",
        "prev": "page=1",
        "next": "page=3",
        "last": "page=3",
    }
    following = await client.get(page.links["next"]["url"])
    assert [item["sku"] for item in following.json()["items"]] == ["E"]


async def test_an_empty_list_has_one_page(client: AsyncClient) -> None:
    page = await client.get(URL)
    assert page.json() == {"items": [], "total": 0, "page": 1, "size": 20}
    assert set(page.links) == {"first", "last"}


@pytest.mark.parametrize("query", ["page=0", "size=101", "sort=colour", "colour=green"])
async def test_an_unknown_question_is_refused(client: AsyncClient, query: str) -> None:
    refused = await client.get(f"{URL}?{query}")
    assert refused.status_code == 422


async def test_an_export_has_every_row_that_is_wanted(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "BATCH", 2)
    for sku in "ABCDE":
        await factory.make(session, sku=sku, status="live", price="4.50")
    await factory.make(session, status="draft")
    exported = await client.get(f"{URL}/export", params={"status": "live"})
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(exported.text.splitlines()))
    assert [(row["sku"], row["price"]) for row in rows] == [(sku, "4.50") for sku in "ABCDE"]


async def test_an_export_runs_no_formula(client: AsyncClient, session: AsyncSession) -> None:
    await factory.make(session, title='=HYPERLINK("//evil")')
    exported = await client.get(f"{URL}/export")
    (row,) = csv.DictReader(exported.text.splitlines())
    assert row["title"] == '\'=HYPERLINK("//evil")'


async def test_an_export_of_nothing_has_its_header(client: AsyncClient) -> None:
    exported = await client.get(f"{URL}/export")
    assert exported.text.startswith("id,sku,title,")
    assert len(exported.text.splitlines()) == 1
