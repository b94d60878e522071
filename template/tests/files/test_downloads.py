"""Tests of downloads: range requests, conditional requests and Content-Disposition."""

import hashlib
from base64 import b64encode

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from app.files.content_disposition import disposition
from app.main import create_app
from tests.support.cors import rejected_headers

URL = "/api/v1/files"
TEXT = b"0123456789"
TAG = f'"{hashlib.sha256(TEXT).hexdigest()}"'


@pytest.fixture
async def content_url(client: AsyncClient) -> str:
    """Upload a text of ten bytes; return the URL of its content."""
    created = await client.post(URL, params={"name": "digits.txt"}, content=TEXT)
    return f"{created.headers['Location']}/content"


async def download(client: AsyncClient, url: str, **headers: str) -> Response:
    """Download a URL.

    Underscores in the names of `headers` stand for hyphens.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get(url, headers=named)


async def test_download_has_content_type_length_and_digest_headers(
    client: AsyncClient, content_url: str
) -> None:
    response = await download(client, content_url, Accept_Encoding="gzip")
    assert response.content == TEXT
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Length"] == "10"
    assert response.headers["Content-Disposition"] == 'inline; filename="digits.txt"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["ETag"] == TAG
    digest = b64encode(hashlib.sha256(TEXT).digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"


async def test_download_is_not_compressed(client: AsyncClient) -> None:
    created = await client.post(URL, params={"name": "a"}, content=TEXT * 1000)
    response = await download(
        client, f"{created.headers['Location']}/content", Accept_Encoding="gzip"
    )
    assert response.headers["Content-Encoding"] == "identity"
    assert response.headers["Content-Length"] == "10000"


async def test_head_request_returns_headers_without_body(
    client: AsyncClient, content_url: str
) -> None:
    response = await client.head(content_url, headers={"Range": "bytes=1-2"})
    assert (response.status_code, response.content) == (200, b"")
    assert (response.headers["Content-Length"], response.headers["ETag"]) == ("10", TAG)


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", f'"a", {TAG}', "*"])
async def test_download_with_matching_etag_returns_304(
    client: AsyncClient, content_url: str, header: str
) -> None:
    response = await download(client, content_url, If_None_Match=header, Range="bytes=0-1")
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == TAG


async def test_download_with_other_etag_returns_content(
    client: AsyncClient, content_url: str
) -> None:
    assert (await download(client, content_url, If_None_Match='"a"')).content == TEXT


@pytest.mark.parametrize(
    ("header", "content", "sent"),
    [
        ("bytes=0-0", b"0", "0-0"),
        ("bytes=2-4", b"234", "2-4"),
        ("bytes=8-", b"89", "8-9"),
        ("bytes=8-999", b"89", "8-9"),
        ("bytes=-3", b"789", "7-9"),
        ("bytes=-99", TEXT, "0-9"),
    ],
)
async def test_range_request_returns_206(
    client: AsyncClient, content_url: str, header: str, content: bytes, sent: str
) -> None:
    for headers in ({}, {"If_Range": TAG}):
        response = await download(client, content_url, Range=header, **headers)
        assert (response.status_code, response.content) == (206, content)
        assert response.headers["Content-Range"] == f"bytes {sent}/10"
        assert response.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0", "bytes=99-100"])
async def test_unsatisfiable_range_returns_416(
    client: AsyncClient, content_url: str, header: str
) -> None:
    response = await download(client, content_url, Range=header)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (416, "range_not_satisfiable")
    assert problem["title"] == "Range Not Satisfiable"
    assert problem["detail"] == "The file has 10 bytes."
    assert response.headers["Content-Range"] == "bytes */10"


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
async def test_unsupported_or_outdated_range_returns_whole_content(
    client: AsyncClient, content_url: str, headers: dict[str, str]
) -> None:
    response = await download(client, content_url, **headers)
    assert (response.status_code, response.content) == (200, TEXT)


@pytest.mark.parametrize("content", [b"<html>", b"<svg onload=alert(1)>", b"%PDF-1.7", b"PK\3\4"])
async def test_content_that_browsers_execute_is_sent_as_attachment(
    client: AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    store = app.state.files
    config = store.config.model_copy(update={"types": ("*",)})
    monkeypatch.setattr(store, "config", config)
    created = await client.post(URL, params={"name": "cat.png"}, content=content)
    response = await download(client, f"{created.headers['Location']}/content")
    assert response.headers["Content-Disposition"] == 'attachment; filename="cat.png"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert not response.headers["Content-Type"].startswith("image/")


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
        ("写真.png", "filename=\"__.png\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.png"),
        ("\x7f ~", "filename=\"_ ~\"; filename*=UTF-8''%7F%20~"),
    ],
)
def test_content_disposition_encodes_file_name(name: str, header: str) -> None:
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
def test_content_disposition_is_inline_for_media_and_text(content_type: str, kind: str) -> None:
    assert disposition("a", content_type) == f'{kind}; filename="a"'


def test_openapi_describes_download_responses(app: FastAPI) -> None:
    responses = app.openapi()["paths"][f"{URL}/{{file_id}}/content"]["get"]["responses"]
    content = {"schema": {"type": "string", "format": "binary"}}
    binary = {"application/octet-stream": content, "*/*": content}
    assert responses["200"]["content"] == responses["206"]["content"] == binary
    assert "content" not in responses["304"]


async def test_cors_exposes_download_headers(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    transport = ASGITransport(create_app())
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/health/live", headers={"Origin": "https://shop.example"})
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"Accept-Ranges", "Content-Disposition", "Content-Range"}
    assert exposed >= {"ETag", "Repr-Digest"}


@pytest.mark.usefixtures("shared_url")
async def test_cors_allows_headers_of_uploads_and_downloads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("Content-Digest", "If-None-Match", "If-Range", "Range")
    assert await rejected_headers(monkeypatch, *names) == set()
