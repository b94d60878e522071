"""Content on its way out: whole, in part, or not again; and nothing that a browser would run."""

import hashlib
from base64 import b64encode

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from app.files.content_disposition import disposition
from app.main import create_app

URL = "/api/v1/files"
TEXT = b"0123456789"
TAG = f'"{hashlib.sha256(TEXT).hexdigest()}"'


@pytest.fixture
async def place(client: AsyncClient) -> str:
    """Keep a text of ten bytes, and say where its content is."""
    made = await client.post(URL, params={"name": "digits.txt"}, content=TEXT)
    return f"{made.headers['Location']}/content"


async def ask(client: AsyncClient, place: str, **headers: str) -> Response:
    """Ask for content; an underscore stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get(place, headers=named)


async def test_content_is_told_as_what_it_is(client: AsyncClient, place: str) -> None:
    given = await ask(client, place, Accept_Encoding="gzip")
    assert given.content == TEXT
    assert given.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert given.headers["Content-Length"] == "10"
    assert given.headers["Content-Disposition"] == 'inline; filename="digits.txt"'
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert given.headers["Accept-Ranges"] == "bytes"
    assert given.headers["Cache-Control"] == "private, no-cache"
    assert given.headers["ETag"] == TAG
    digest = b64encode(hashlib.sha256(TEXT).digest()).decode()
    assert given.headers["Repr-Digest"] == f"sha-256=:{digest}:"


async def test_long_content_is_not_compressed(client: AsyncClient) -> None:
    made = await client.post(URL, params={"name": "a"}, content=TEXT * 1000)
    given = await ask(client, f"{made.headers['Location']}/content", Accept_Encoding="gzip")
    assert (given.headers["Content-Encoding"], given.headers["Content-Length"]) == (
        "identity",
        "10000",
    )


async def test_a_head_tells_all_but_the_content(client: AsyncClient, place: str) -> None:
    asked = await client.head(place, headers={"Range": "bytes=1-2"})
    assert (asked.status_code, asked.content) == (200, b"")
    assert (asked.headers["Content-Length"], asked.headers["ETag"]) == ("10", TAG)


@pytest.mark.parametrize("known", [TAG, f"W/{TAG}", f'"a", {TAG}', "*"])
async def test_what_is_known_is_not_sent_again(client: AsyncClient, place: str, known: str) -> None:
    same = await ask(client, place, If_None_Match=known, Range="bytes=0-1")
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", TAG)


async def test_what_has_changed_is_sent(client: AsyncClient, place: str) -> None:
    assert (await ask(client, place, If_None_Match='"a"')).content == TEXT


@pytest.mark.parametrize(
    ("asked", "content", "told"),
    [
        ("bytes=0-0", b"0", "0-0"),
        ("bytes=2-4", b"234", "2-4"),
        ("bytes=8-", b"89", "8-9"),
        ("bytes=8-999", b"89", "8-9"),
        ("bytes=-3", b"789", "7-9"),
        ("bytes=-99", TEXT, "0-9"),
    ],
)
async def test_a_part_is_sent(
    client: AsyncClient, place: str, asked: str, content: bytes, told: str
) -> None:
    for headers in ({}, {"If_Range": TAG}):
        given = await ask(client, place, Range=asked, **headers)
        assert (given.status_code, given.content) == (206, content)
        assert given.headers["Content-Range"] == f"bytes {told}/10"
        assert given.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=99-100"])
async def test_a_part_that_is_not_there_is_refused(
    client: AsyncClient, place: str, asked: str
) -> None:
    refused = await ask(client, place, Range=asked)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (416, "range_not_satisfiable")
    assert (told["title"], told["detail"]) == ("Range Not Satisfiable", "The file has 10 bytes.")
    assert refused.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=4-2"},
        {"Range": "bytes=-"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1", "If_Range": '"another"'},
        {"Range": "bytes=0-1", "If_Range": f"W/{TAG}"},
        {"Range": "bytes=0-1", "If_Range": "Wed, 25 Nov 2026 08:00:00 GMT"},
    ],
)
async def test_all_is_sent_where_no_part_can_be_meant(
    client: AsyncClient, place: str, headers: dict[str, str]
) -> None:
    given = await ask(client, place, **headers)
    assert (given.status_code, given.content) == (200, TEXT)


@pytest.mark.parametrize("content", [b"<html>", b"<svg onload=alert(1)>", b"%PDF-1.7", b"PK\3\4"])
async def test_what_a_browser_would_run_is_only_kept_by_it(
    client: AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    store = app.state.files
    open_to_all = store.config.model_copy(update={"types": ("*",)})
    monkeypatch.setattr(store, "config", open_to_all)
    made = await client.post(URL, params={"name": "cat.png"}, content=content)
    given = await ask(client, f"{made.headers['Location']}/content")
    assert given.headers["Content-Disposition"] == 'attachment; filename="cat.png"'
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert not given.headers["Content-Type"].startswith("image/")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.png", 'filename="a b.png"'),
        ('a".exe', "filename=\"a_.exe\"; filename*=UTF-8''a%22.exe"),
        ("a%00b", "filename=\"a_00b\"; filename*=UTF-8''a%2500b"),
        ("../a\\b", "filename=\".._a_b\"; filename*=UTF-8''.._a_b"),
        (
            "Grüße €.txt",
            "filename=\"Gr__e _.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E2%82%AC.txt",
        ),
        ("ü!#$&+-.^_`|~", "filename=\"_!#$&+-.^_`|~\"; filename*=UTF-8''%C3%BC!#$&+-.^_`|~"),
        ("\x7f ~", "filename=\"_ ~\"; filename*=UTF-8''%7F%20~"),
    ],
)
def test_a_name_is_written_so_that_it_stays_one(name: str, header: str) -> None:
    assert disposition(name, "image/png") == f"inline; {header}"


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("audio/mpeg", "inline"),
        ("text/plain", "inline"),
        ("video/mp4", "inline"),
        ("text/html", "attachment"),
        ("text/xml", "attachment"),
        ("application/pdf", "attachment"),
    ],
)
def test_only_media_and_plain_text_are_inline(content_type: str, kind: str) -> None:
    assert disposition("a", content_type) == f'{kind}; filename="a"'


def test_download_is_documented_with_its_answers(app: FastAPI) -> None:
    answers = app.openapi()["paths"][f"{URL}/{{file_id}}/content"]["get"]["responses"]
    binary = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    assert answers["200"]["content"] == answers["206"]["content"] == binary
    assert "content" not in answers["304"]


async def test_a_page_of_another_origin_may_read_what_is_told(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    transport = ASGITransport(create_app())
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        asked = await client.get("/health/live", headers={"Origin": "https://shop.example"})
    exposed = set(asked.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"Content-Disposition", "Content-Range", "ETag", "Repr-Digest"}
