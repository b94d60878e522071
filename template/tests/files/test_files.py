"""Tests of files over HTTP: uploads are stored completely, or not at all."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from obstore.store import MemoryStore, S3Store

from app.files import Store
from app.files.storage import LINK_LIFETIME
from app.main import create_app
from app.models.base import now
from tests.support.live_server import Live, calling, running, serving
from tests.support.timeouts import DEADLINE, wait_until

URL = "/api/v1/files"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
LONG = b"0123456789abcde\n" * (1 << 17)  # 2 MiB: longer than `BUFFER_SIZE`
MEBIBYTE = 1 << 20

Content = bytes | AsyncIterator[bytes]


@pytest.fixture
async def live_files(
    database_url: str,
    admin_headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncGenerator[Live, None]:
    """Serve on a real socket, and store uploaded files in a temporary directory."""
    _ = database_url
    monkeypatch.setenv("FILES_URL", tmp_path.as_uri())
    app = create_app()
    async with serving(app) as port, calling(port) as client:
        client.headers |= admin_headers
        yield Live(app, client)


async def upload(
    client: AsyncClient, content: Content, name: str = "a", **headers: str
) -> Response:
    """Upload content as a file; return the response."""
    return await client.post(URL, params={"name": name}, content=content, headers=headers)


async def download(client: AsyncClient, created: Response) -> bytes:
    """Return the content of an uploaded file."""
    return (await client.get(f"{URL}/{created.json()['id']}/content")).content


async def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    """Yield a body in chunks, so that the request has no `Content-Length`."""
    for chunk in chunks:
        yield chunk


def names(directory: Path) -> list[str]:
    """Return the names of all files in a directory, including temporary files."""
    return [path.name for path in directory.iterdir()]


def stored_keys(app: FastAPI) -> list[str]:
    """Return the keys of all objects in the object store."""
    return [each["path"] for each in obstore.list(app.state.files.inner).collect()]


@pytest.mark.parametrize("content", [PNG, b"", LONG], ids=["short", "empty", "long"])
async def test_upload_can_be_downloaded_unchanged(client: AsyncClient, content: bytes) -> None:
    created = await upload(client, content, "photo.png")
    assert created.status_code == 201
    assert created.headers["Location"] == f"{URL}/{created.json()['id']}"
    assert created.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert (created.json()["name"], created.json()["size"]) == ("photo.png", len(content))
    assert (await client.get(created.headers["Location"])).json() == created.json()
    assert await download(client, created) == content


async def test_file_list_filters_sorts_and_paginates(client: AsyncClient) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        await upload(client, b"text", name)
    listed = await client.get(URL, params={"search": "TXT", "sort": "name", "size": 1})
    assert (listed.json()["total"], listed.json()["items"][0]["name"]) == (2, "a.txt")
    assert 'rel="next"' in listed.headers["Link"]


async def test_file_deletion_removes_row_and_content(live_files: Live) -> None:
    created = await upload(live_files.client, PNG)
    assert stored_keys(live_files.app) == [created.json()["id"]]
    assert (await live_files.client.delete(created.headers["Location"])).status_code == 204
    await asyncio.gather(*live_files.app.state.files.deletions)
    assert stored_keys(live_files.app) == []
    for path in ("", "/content", "/link"):
        response = await live_files.client.get(f"{created.headers['Location']}{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await live_files.client.delete(created.headers["Location"])).status_code == 404


async def test_rolled_back_file_deletion_leaves_content(app: FastAPI) -> None:
    store = Store(MemoryStore(), app.state.files.config)
    await obstore.put_async(store.inner, "key", b"")
    async with app.state.sessions() as session:
        await session.begin()
        store.remove("key", session)
        await session.rollback()
    assert not store.deletions
    assert len(obstore.list(store.inner).collect()) == 1


VALID_NAMES = [
    "../../etc/passwd",
    r"C:\CON",
    "CON",
    'a;b="c"',
    "%2e%2e%00",
    "Grüße 🚀.txt",
    "写真.png",
    "a" * 255,
]
INVALID_NAMES = [
    "",
    " ",
    "a\0b",
    "a\nb",
    "a\rb",
    "a\x1b[0m",
    "a\x85b",
    "gpj.\u202eexe",
    "a\u2028b",
    "a" * 300,
]


async def test_file_name_cannot_traverse_paths_or_headers(live_files: Live, tmp_path: Path) -> None:
    for name in VALID_NAMES:
        created = await upload(live_files.client, PNG, name)
        assert created.json()["name"] == name
        assert created.json()["id"] in names(tmp_path)
        response = await live_files.client.get(f"{created.headers['Location']}/content")
        header = response.headers["Content-Disposition"]
        assert re.fullmatch(r'inline; filename="[^/\\"%]+"(; .*)?', header), name
    assert len(names(tmp_path)) == len(VALID_NAMES)


@pytest.mark.parametrize("name", INVALID_NAMES)
async def test_invalid_file_name_returns_422(client: AsyncClient, name: str) -> None:
    rejected = await upload(client, PNG, name)
    assert (rejected.status_code, rejected.json()["code"]) == (422, "invalid")
    assert rejected.json()["errors"][0]["location"] == "query.name"


async def test_file_name_is_normalized_to_nfc(client: AsyncClient) -> None:
    response = await upload(client, b"a", "Cafe\u0301.txt")
    assert response.json()["name"] == "Café.txt"


async def test_media_type_is_sniffed_from_content(client: AsyncClient) -> None:
    created = await upload(client, PNG, "page.html", **{"Content-Type": "text/html"})
    assert created.json()["content_type"] == "image/png"
    rejected = await upload(client, b"<html>", "photo.png", **{"Content-Type": "image/png"})
    assert (rejected.status_code, rejected.json()["code"]) == (415, "unsupported_type")


async def test_rejected_upload_stores_nothing(live_files: Live) -> None:
    client = live_files.client
    wrong_digest = {"Content-Digest": "sha-256=:AAAA:"}
    responses = [
        await upload(client, b"<script>"),
        await upload(client, PNG, **wrong_digest),
        await upload(client, chunked(LONG, LONG), **wrong_digest),
    ]
    assert [each.status_code for each in responses] == [415, 400, 400]
    assert responses[2].json()["code"] == "digest_mismatch"
    assert stored_keys(live_files.app) == []
    assert (await client.get(URL)).json()["total"] == 0


async def test_upload_verifies_content_digest_header(client: AsyncClient) -> None:
    digest = base64.b64encode(hashlib.sha256(LONG).digest()).decode()
    digests = f"sha-512=:AAAA:, sha-256=:{digest}:"
    assert (await upload(client, LONG, **{"Content-Digest": digests})).status_code == 201
    other = await upload(client, PNG, **{"Content-Digest": "sha-512=:AAAA:"})
    assert other.status_code == 201
    malformed = await upload(client, PNG, **{"Content-Digest": "sha-256=:A:"})
    assert (malformed.status_code, malformed.json()["code"]) == (400, "bad_request")


async def test_upload_may_exceed_body_limit_but_not_files_limit(
    database_url: str, admin_headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("FILES_LIMIT", str(3 * MEBIBYTE))
    monkeypatch.setenv("BODY_LIMIT", "100")
    app = create_app()
    async with serving(app) as port, calling(port) as client:
        client.headers |= admin_headers
        assert (await upload(client, LONG)).status_code == 201
        declared = await upload(client, LONG + LONG)
        streamed = await upload(client, chunked(LONG, LONG))
        for response in (declared, streamed):
            assert (response.status_code, response.json()["code"]) == (413, "content_too_large")
        assert len(stored_keys(app)) == 1
        other = await client.post("/api/v1/nowhere", content=bytes(101))
        assert other.status_code == 413


async def test_multipart_upload_stores_all_files(app: FastAPI, client: AsyncClient) -> None:
    sent = [("files", (name, content)) for name, content in (("a.png", PNG), ("ü.txt", LONG))]
    created = await client.post(f"{URL}/batch", files=sent)
    assert created.status_code == 201
    files = {each["name"]: each for each in created.json()}
    assert {name: each["size"] for name, each in files.items()} == {
        "a.png": len(PNG),
        "ü.txt": len(LONG),
    }
    text = await client.get(f"{URL}/{files['ü.txt']['id']}/content")
    assert text.content == LONG
    assert {each["id"] for each in created.json()} <= set(stored_keys(app))


async def test_multipart_upload_stores_all_files_or_none(live_files: Live) -> None:
    sent = [("files", (name, content)) for name, content in (("a", PNG), ("b", b"<html>"))]
    rejected = await live_files.client.post(f"{URL}/batch", files=sent)
    assert (rejected.status_code, rejected.json()["code"]) == (415, "unsupported_type")
    await asyncio.gather(*live_files.app.state.files.deletions)
    assert stored_keys(live_files.app) == []
    assert (await live_files.client.get(URL)).json()["total"] == 0


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\ntext\r\n'


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (PART % b"a" + b"--x--\r\n", FORM, 201),
        (PART % b"a", FORM, 400),
        (b"nothing like it", FORM, 400),
        (b"--x--\r\n", FORM, 422),
        (PART % b"" + b"--x--\r\n", FORM, 422),
        (PART % b"\xff" + b"--x--\r\n", FORM, 422),
        (PART % b"a\tb" + b"--x--\r\n", FORM, 422),
        (PART % b"a" * 101 + b"--x--\r\n", FORM, 422),
        (PART % b"a" + b"--x--\r\n", {"Content-Type": "multipart/form-data"}, 415),
        (PART % b"a" + b"--x--\r\n", {"Content-Type": f"{FORM['Content-Type']}{'x' * 999}"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (PART % b"a" + b"--x--\r\n", {"Content-Type": "multipart/mixed; boundary=x"}, 415),
    ],
)
async def test_malformed_multipart_form_is_rejected(
    client: AsyncClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    response = await client.post(f"{URL}/batch", content=content, headers=headers)
    assert response.status_code == status, response.text


async def begin_upload(
    live: Live, length: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Start an upload by sending the headers and the bytes `LONG`, but not the rest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    request = live.client.build_request("POST", URL, params={"name": "a"})
    headers = request.headers | {"Content-Length": str(length)}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"POST {URL}?name=a HTTP/1.1", *lines, "", ""])
    writer.write(head.encode() + LONG)
    await writer.drain()
    return reader, writer


async def wait_for_files(path: Path, count: int) -> None:
    """Wait until a directory has `count` files, including temporary files."""
    await wait_until(lambda: len(names(path)) == count)


async def test_upload_by_disconnected_client_stores_nothing(
    live_files: Live, tmp_path: Path
) -> None:
    _, writer = await begin_upload(live_files, 2 * len(LONG))
    await wait_for_files(tmp_path, 1)
    assert not live_files.app.state.engine.pool.checkedout()
    writer.close()
    await wait_for_files(tmp_path, 0)
    assert (await live_files.client.get(URL)).json()["total"] == 0


async def test_slow_upload_holds_no_database_connection(live_files: Live, tmp_path: Path) -> None:
    reader, writer = await begin_upload(live_files, 2 * len(LONG))
    await wait_for_files(tmp_path, 1)
    assert not live_files.app.state.engine.pool.checkedout()
    writer.write(LONG)
    assert b"201 Created" in await reader.readline()
    writer.close()


async def test_slow_download_holds_no_database_connection(
    live_files: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await upload(live_files.client, PNG)
    requested, resumed = asyncio.Event(), asyncio.Event()

    async def slow(*_: object, **__: object) -> bytes:
        requested.set()
        await resumed.wait()
        return PNG

    monkeypatch.setattr(obstore, "get_range_async", slow)
    async with asyncio.TaskGroup() as callers:
        response = callers.create_task(download(live_files.client, created))
        await asyncio.wait_for(requested.wait(), DEADLINE)
        assert not live_files.app.state.engine.pool.checkedout()
        resumed.set()
    assert response.result() == PNG


@contextmanager
def full_disk(free: int) -> Generator[None, None, None]:
    """Limit the file size of this process, so that writes fail as on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_upload_to_failing_store_returns_503_and_stores_nothing(
    live_files: Live, tmp_path: Path
) -> None:
    with full_disk(4 * MEBIBYTE):
        response = await upload(live_files.client, chunked(LONG, LONG, LONG, LONG))
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert names(tmp_path) == []
    assert (await live_files.client.get(URL)).json()["total"] == 0
    assert (await upload(live_files.client, LONG)).status_code == 201


async def test_file_link_without_presigned_urls_returns_404(client: AsyncClient) -> None:
    created = await upload(client, PNG)
    unsigned = await client.get(f"{created.headers['Location']}/link")
    assert (unsigned.status_code, unsigned.json()["code"]) == (404, "no_links")
    unknown = await client.get(f"{URL}/{uuid4()}/link")
    assert unknown.json()["code"] == "not_found"


async def test_file_link_is_presigned_url_with_expiry(
    app: FastAPI, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await upload(client, PNG)
    bucket = S3Store("bucket", region="eu", access_key_id="id", secret_access_key="no-secret")
    monkeypatch.setattr(app.state.files, "inner", bucket)
    link = (await client.get(f"{created.headers['Location']}/link")).json()
    assert urlsplit(link["url"]).path.endswith(f"/{created.json()['id']}")
    assert (
        timedelta(minutes=14) < datetime.fromisoformat(link["expires_at"]) - now() <= LINK_LIFETIME
    )


def test_openapi_describes_upload_bodies_as_binary(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    one, many = (paths[path]["post"]["requestBody"] for path in (URL, f"{URL}/batch"))
    binary = {"type": "string", "format": "binary"}
    assert one == {"required": True, "content": {"application/octet-stream": {"schema": binary}}}
    form = many["content"]["multipart/form-data"]["schema"]
    assert form["properties"] == {"files": {"type": "array", "items": binary}}
    assert (many["required"], form["required"]) == (True, ["files"])


def test_openapi_describes_file_route_responses(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    listed = paths[URL]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed["$ref"].endswith("/Page_FileRead_")
    assert {"201", "415", "503"} <= paths[URL]["post"]["responses"].keys()
    assert {"201", "415", "422", "503"} <= paths[f"{URL}/batch"]["post"]["responses"].keys()


def peak_memory(process: int) -> int:
    """Return the peak resident memory of a process in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    match = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


@pytest.mark.drill
async def test_one_gib_upload_uses_at_most_100_mib_memory(
    database_url: str, admin_headers: dict[str, str], tmp_path: Path
) -> None:
    size, block = 1 << 30, LONG

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // len(block)):
            yield block

    environment = {"FILES_URL": tmp_path.as_uri(), "FILES_LIMIT": str(size), "DRAIN_SECONDS": "0"}
    async with running(DATABASE_URL=database_url, **environment) as (process, client):
        client.headers |= admin_headers
        await upload(client, PNG)
        before = peak_memory(process.pid)
        created = await upload(client, body())
        assert created.json()["size"] == size
        async with client.stream("GET", f"{created.headers['Location']}/content") as response:
            lengths = [len(chunk) async for chunk in response.aiter_raw()]
        assert sum(lengths) == size
        assert peak_memory(process.pid) - before <= 100 * MEBIBYTE
