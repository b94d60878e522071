"""Tests of Unicode: case mapping, sort order and normalization are the same on each database."""

import unicodedata

import pytest
from httpx2 import AsyncClient
from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.schemas.base import nfc
from tests.support import sample_resource
from tests.support.sample_resource import URL, payload

COMPOSED, DECOMPOSED = "Café", "Cafe\u0301"


def lower(letter: str) -> str:
    """Return the simple lower-case mapping of a letter (Unicode, section 5.18)."""
    return "i" if letter == "İ" else letter.lower()


async def test_database_maps_each_letter_to_one_lower_case_letter(session: AsyncSession) -> None:
    old = unicodedata.ucd_3_2_0  # letters that each version of each database knows
    letters = [chr(code) for code in range(0x80, 0x11_0000) if old.category(chr(code))[0] == "L"]
    letters += ["ẞ", "A", "Σ", "a", "Σ", " "]
    lowered = await session.scalar(select(func.lower(literal("".join(letters)))))
    assert lowered == "".join(map(lower, letters))


@pytest.mark.parametrize(
    ("title", "search"),
    [
        ("École", "ÉCOLE"),
        ("ÉCOLE", "école"),
        ("ÉCOLE", "e\u0301cole"),
        ("ÇAĞRI", "çağri"),
        ("İzmir", "izmir"),
        ("Straẞe", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("Привет", "ПРИВЕТ"),
    ],
)
async def test_search_ignores_case_of_all_letters(
    jot_client: AsyncClient, session: AsyncSession, title: str, search: str
) -> None:
    await sample_resource.make(session, title=title)
    await sample_resource.make(session)
    page = (await jot_client.get(URL, params={"search": search})).json()
    assert [item["title"] for item in page["items"]] == [title]


async def test_text_is_sorted_by_code_points(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    texts = ["1", "B", "_", "a", "b", "Ä", "École", "é", "Ω", "я", "漢", "\uffee", "😀"]
    for text in reversed(texts):
        await sample_resource.make(session, text=text)
    page = (await jot_client.get(URL, params={"sort": "text"})).json()
    assert [item["text"] for item in page["items"]] == texts


@pytest.mark.usefixtures("jots_in_metadata")
@pytest.mark.parametrize("titles", [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
async def test_create_duplicate_in_other_normalization_form_returns_409(
    jot_client: AsyncClient, titles: tuple[str, str]
) -> None:
    created, duplicate = [await jot_client.post(URL, json=payload(title=title)) for title in titles]
    assert created.json()["title"] == COMPOSED
    assert duplicate.status_code == 409


@pytest.mark.parametrize("parameter", ["title", "search"])
@pytest.mark.parametrize("text", [COMPOSED, DECOMPOSED], ids=["composed", "decomposed"])
async def test_list_matches_text_in_any_normalization_form(
    jot_client: AsyncClient, session: AsyncSession, parameter: str, text: str
) -> None:
    jot = await sample_resource.make(session, title=DECOMPOSED)
    page = (await jot_client.get(URL, params={parameter: text})).json()
    assert [item["id"] for item in page["items"]] == [str(jot.id)]


@pytest.mark.parametrize(("length", "status"), [(40, 201), (41, 422)])
async def test_length_is_checked_after_normalization(
    jot_client: AsyncClient, length: int, status: int
) -> None:
    response = await jot_client.post(URL, json=payload(title="e\u0301" * length))
    assert response.status_code == status


async def test_json_is_not_normalized(jot_client: AsyncClient) -> None:
    for extra in ([DECOMPOSED], {DECOMPOSED: DECOMPOSED}):
        created = await jot_client.post(URL, json=payload(extra=extra))
        assert created.json()["extra"] == extra


def test_many_combining_characters_are_in_canonical_order() -> None:
    size = 200_000  # in quadratic time, this would take more than a minute
    text = nfc("a" + "\u0301" * size + "\u0316" * size)
    assert text == "\u00e1" + "\u0316" * size + "\u0301" * (size - 1)
    assert nfc("\u0f73" * size) == "\u0f71" * size + "\u0f72" * size  # each one decomposes to two


@pytest.mark.parametrize(
    "text",
    ["\u01d6\u0323\u0301", "\u1100\u1161\u11a8", "\u0344", "\u0958", "q\u0307\u0323", "\u0301a"],
)
def test_text_is_normalized_to_nfc(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)
