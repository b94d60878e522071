"""Files, over HTTP: they come as they were sent, or nothing of them is kept."""

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
from app.files.storage import LINKED
from app.main import create_app
from app.models.base import now
from tests.support.live_server import Live, calling, running, serving
from tests.support.timeouts import DEADLINE, wait_until

URL = "/api/v1/files"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
LONG = b"0123456789abcde\n" * (1 << 17)  # two MiB: more than is taken at once
MEBIBYTE = 1 << 20

Content = bytes | AsyncIterator[bytes]


@pytest.fixture
async def live_files(
    database_url: str,
    admin_headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncGenerator[Live, None]:
    """Serve on a real socket, and keep files in a directory."""
    _ = database_url
    monkeypatch.setenv("FILES_URL", tmp_path.as_uri())
    app = create_app()
    async with serving(app) as port, calling(port) as client:
        client.headers |= admin_headers
        yield Live(app, client)


async def send(client: AsyncClient, content: Content, name: str = "a", **headers: str) -> Response:
    """Send a file."""
    return await client.post(URL, params={"name": name}, content=content, headers=headers)


async def have(client: AsyncClient, made: Response) -> bytes:
    """Download what was sent."""
    return (await client.get(f"{URL}/{made.json()['id']}/content")).content


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    """Send a body whose length is not said beforehand."""
    for piece in pieces:
        yield piece


def names(directory: Path) -> list[str]:
    """Name what a directory has, finished or not."""
    return [path.name for path in directory.iterdir()]


def kept(app: FastAPI) -> list[str]:
    """Name what the store holds."""
    return [each["path"] for each in obstore.list(app.state.files.inner).collect()]


@pytest.mark.parametrize("content", [PNG, b"", LONG], ids=["short", "empty", "long"])
async def test_a_file_comes_back_as_it_was_sent(client: AsyncClient, content: bytes) -> None:
    made = await send(client, content, "photo.png")
    assert made.status_code == 201
    assert made.headers["Location"] == f"{URL}/{made.json()['id']}"
    assert made.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert (made.json()["name"], made.json()["size"]) == ("photo.png", len(content))
    assert (await client.get(made.headers["Location"])).json() == made.json()
    assert await have(client, made) == content


async def test_files_are_listed_a_page_at_a_time(client: AsyncClient) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        await send(client, b"text", name)
    listed = await client.get(URL, params={"search": "TXT", "sort": "name", "size": 1})
    assert (listed.json()["total"], listed.json()["items"][0]["name"]) == (2, "a.txt")
    assert 'rel="next"' in listed.headers["Link"]


async def test_a_file_that_is_removed_is_gone_with_its_content(live_files: Live) -> None:
    made = await send(live_files.client, PNG)
    assert kept(live_files.app) == [made.json()["id"]]
    assert (await live_files.client.delete(made.headers["Location"])).status_code == 204
    await asyncio.gather(*live_files.app.state.files.leaving)
    assert kept(live_files.app) == []
    for way in ("", "/content", "/link"):
        gone = await live_files.client.get(f"{made.headers['Location']}{way}")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    assert (await live_files.client.delete(made.headers["Location"])).status_code == 404


async def test_content_stays_where_a_removal_is_rolled_back(app: FastAPI) -> None:
    store = Store(MemoryStore(), app.state.files.config)
    await obstore.put_async(store.inner, "stays", b"")
    async with app.state.sessions() as session:
        await session.begin()
        store.remove("stays", session)
        await session.rollback()
    assert not store.leaving
    assert len(obstore.list(store.inner).collect()) == 1


HARMLESS = ["../../etc/passwd", r"C:\CON", "CON", 'a;b="c"', "%2e%2e%00", "Grüße 🚀.txt", "a" * 255]
HARMFUL = [
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


async def test_a_name_is_nothing_but_a_name(live_files: Live, tmp_path: Path) -> None:
    for name in HARMLESS:
        made = await send(live_files.client, PNG, name)
        assert made.json()["name"] == name
        assert made.json()["id"] in names(tmp_path)
        given = await live_files.client.get(f"{made.headers['Location']}/content")
        header = given.headers["Content-Disposition"]
        assert re.fullmatch(r'inline; filename="[^/\\"%]+"(; .*)?', header), name
    assert len(names(tmp_path)) == len(HARMLESS)


@pytest.mark.parametrize("name", HARMFUL)
async def test_a_name_that_does_something_is_refused(client: AsyncClient, name: str) -> None:
    refused = await send(client, PNG, name)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert refused.json()["errors"][0]["location"] == "query.name"


async def test_a_type_is_what_content_is_whatever_is_said(client: AsyncClient) -> None:
    made = await send(client, PNG, "page.html", **{"Content-Type": "text/html"})
    assert made.json()["content_type"] == "image/png"
    refused = await send(client, b"<html>", "photo.png", **{"Content-Type": "image/png"})
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_type")


async def test_nothing_is_kept_of_what_is_refused(live_files: Live) -> None:
    client = live_files.client
    wrong = {"Content-Digest": "sha-256=:AAAA:"}
    refused = [
        await send(client, b"<script>"),
        await send(client, PNG, **wrong),
        await send(client, in_pieces(LONG, LONG), **wrong),
    ]
    assert [each.status_code for each in refused] == [415, 400, 400]
    assert refused[2].json()["code"] == "digest_mismatch"
    assert kept(live_files.app) == []
    assert (await client.get(URL)).json()["total"] == 0


async def test_a_digest_is_compared(client: AsyncClient) -> None:
    digest = base64.b64encode(hashlib.sha256(LONG).digest()).decode()
    good = f"sha-512=:AAAA:, sha-256=:{digest}:"
    assert (await send(client, LONG, **{"Content-Digest": good})).status_code == 201
    other = await send(client, PNG, **{"Content-Digest": "sha-512=:AAAA:"})
    assert other.status_code == 201
    unread = await send(client, PNG, **{"Content-Digest": "sha-256=:A:"})
    assert (unread.status_code, unread.json()["code"]) == (400, "bad_request")


async def test_a_file_may_be_longer_than_other_bodies(
    database_url: str, admin_headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("FILES_LIMIT", str(3 * MEBIBYTE))
    monkeypatch.setenv("BODY_LIMIT", "100")
    app = create_app()
    async with serving(app) as port, calling(port) as client:
        client.headers |= admin_headers
        assert (await send(client, LONG)).status_code == 201
        declared = await send(client, LONG + LONG)
        streamed = await send(client, in_pieces(LONG, LONG))
        for refused in (declared, streamed):
            assert (refused.status_code, refused.json()["code"]) == (413, "content_too_large")
        assert len(kept(app)) == 1
        other = await client.post("/api/v1/nowhere", content=bytes(101))
        assert other.status_code == 413


async def test_several_files_come_in_one_body(app: FastAPI, client: AsyncClient) -> None:
    sent = [("files", (name, content)) for name, content in (("a.png", PNG), ("ü.txt", LONG))]
    made = await client.post(f"{URL}/batch", files=sent)
    assert made.status_code == 201
    found = {each["name"]: each for each in made.json()}
    assert {name: each["size"] for name, each in found.items()} == {
        "a.png": len(PNG),
        "ü.txt": len(LONG),
    }
    text = await client.get(f"{URL}/{found['ü.txt']['id']}/content")
    assert text.content == LONG
    assert {each["id"] for each in made.json()} <= set(kept(app))


async def test_of_several_files_all_are_kept_or_none(live_files: Live) -> None:
    sent = [("files", (name, content)) for name, content in (("a", PNG), ("b", b"<html>"))]
    refused = await live_files.client.post(f"{URL}/batch", files=sent)
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_type")
    await asyncio.gather(*live_files.app.state.files.leaving)
    assert kept(live_files.app) == []
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
async def test_a_form_is_read_strictly(
    client: AsyncClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    answered = await client.post(f"{URL}/batch", content=content, headers=headers)
    assert answered.status_code == status, answered.text


async def begin(live: Live, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the beginning of a file, and wait until it is stored."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    request = live.client.build_request("POST", URL, params={"name": "a"})
    headers = request.headers | {"Content-Length": str(length)}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"POST {URL}?name=a HTTP/1.1", *lines, "", ""])
    writer.write(head.encode() + LONG)
    await writer.drain()
    return reader, writer


async def until(path: Path, count: int) -> None:
    """Wait until a directory has so many files, finished or not."""
    await wait_until(lambda: len(names(path)) == count)


async def test_who_hangs_up_leaves_nothing(live_files: Live, tmp_path: Path) -> None:
    _, writer = await begin(live_files, 2 * len(LONG))
    await until(tmp_path, 1)
    assert not live_files.app.state.engine.pool.checkedout()
    writer.close()
    await until(tmp_path, 0)
    assert (await live_files.client.get(URL)).json()["total"] == 0


async def test_a_file_that_comes_slowly_holds_no_connection(
    live_files: Live, tmp_path: Path
) -> None:
    reader, writer = await begin(live_files, 2 * len(LONG))
    await until(tmp_path, 1)
    assert not live_files.app.state.engine.pool.checkedout()
    writer.write(LONG)
    assert b"201 Created" in await reader.readline()
    writer.close()


async def test_content_that_is_slow_to_come_holds_no_connection(
    live_files: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await send(live_files.client, PNG)
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: object, **__: object) -> bytes:
        asked.set()
        await goes_on.wait()
        return PNG

    monkeypatch.setattr(obstore, "get_range_async", slow)
    async with asyncio.TaskGroup() as callers:
        given = callers.create_task(have(live_files.client, made))
        await asyncio.wait_for(asked.wait(), DEADLINE)
        assert not live_files.app.state.engine.pool.checkedout()
        goes_on.set()
    assert given.result() == PNG


@contextmanager
def full_disk(free: int) -> Generator[None, None, None]:
    """Have files of this process grow to so many bytes and no further."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_store_that_fails_midway_is_told_and_leaves_nothing(
    live_files: Live, tmp_path: Path
) -> None:
    with full_disk(4 * MEBIBYTE):
        told = await send(live_files.client, in_pieces(LONG, LONG, LONG, LONG))
    assert (told.status_code, told.json()["code"]) == (503, "unavailable")
    assert names(tmp_path) == []
    assert (await live_files.client.get(URL)).json()["total"] == 0
    assert (await send(live_files.client, LONG)).status_code == 201


async def test_a_link_is_given_only_where_the_store_gives_links(client: AsyncClient) -> None:
    made = await send(client, PNG)
    none = await client.get(f"{made.headers['Location']}/link")
    assert (none.status_code, none.json()["code"]) == (404, "no_links")
    unknown = await client.get(f"{URL}/{uuid4()}/link")
    assert unknown.json()["code"] == "not_found"


async def test_link_to_bucket_names_its_expiry(
    app: FastAPI, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await send(client, PNG)
    bucket = S3Store("bucket", region="eu", access_key_id="id", secret_access_key="no-secret")
    monkeypatch.setattr(app.state.files, "inner", bucket)
    link = (await client.get(f"{made.headers['Location']}/link")).json()
    assert urlsplit(link["url"]).path.endswith(f"/{made.json()['id']}")
    assert timedelta(minutes=14) < datetime.fromisoformat(link["expires_at"]) - now() <= LINKED


def test_openapi_describes_request_bodies_as_binary(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    one, many = (paths[path]["post"]["requestBody"] for path in (URL, f"{URL}/batch"))
    binary = {"type": "string", "format": "binary"}
    assert one == {"required": True, "content": {"application/octet-stream": {"schema": binary}}}
    form = many["content"]["multipart/form-data"]["schema"]
    assert form["properties"] == {"files": {"type": "array", "items": binary}}
    assert (many["required"], form["required"]) == (True, ["files"])


def test_openapi_describes_responses(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    listed = paths[URL]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed["$ref"].endswith("/Page_FileRead_")
    assert {"201", "415", "503"} <= paths[URL]["post"]["responses"].keys()
    assert {"201", "415", "422", "503"} <= paths[f"{URL}/batch"]["post"]["responses"].keys()


def peak(process: int) -> int:
    """Give the most memory that a process has had, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.mark.drill
async def test_a_file_of_a_gibibyte_fits_through_a_hundred_mebibytes(
    database_url: str, admin_headers: dict[str, str], tmp_path: Path
) -> None:
    size, block = 1 << 30, LONG

    async def much() -> AsyncIterator[bytes]:
        for _ in range(size // len(block)):
            yield block

    environment = {"FILES_URL": tmp_path.as_uri(), "FILES_LIMIT": str(size), "DRAIN_SECONDS": "0"}
    async with running(DATABASE_URL=database_url, **environment) as (process, client):
        client.headers |= admin_headers
        await send(client, PNG)
        before = peak(process.pid)
        made = await send(client, much())
        assert made.json()["size"] == size
        async with client.stream("GET", f"{made.headers['Location']}/content") as given:
            read = [len(chunk) async for chunk in given.aiter_raw()]
        assert sum(read) == size
        assert peak(process.pid) - before <= 100 * MEBIBYTE
