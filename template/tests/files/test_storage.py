"""The store of files: where it is, what it says when it is away, and whom it gives links."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from fastapi import FastAPI

from app import files
from app.files.storage import ROOT, FilesSettings, Store, open_store
from app.files.uploads import Incoming
from app.main import create_app
from app.settings import ConfigurationError, read
from tests.support.live_server import calling, free_port, serving

URL = "/api/v1/files"
KEY = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "known", "AWS_REGION": "here"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a bucket that nobody answers for."""
    monkeypatch.setenv("FILES_URL", "s3://bucket/prefix")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("url", "environment", "told"),
    [
        ("", "production", "It is missing"),
        ("memory://", "production", "Memory keeps nothing"),
        ("https://user:hunter2@example.com", "test", "It is not a URL of a store"),
        ("hunter2", "test", "It is not a URL of a store"),
        ("file:///dev/null/files", "test", "cannot be opened"),
        ("az://container", "test", "Account must be specified"),
    ],
)
def test_a_store_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: str, told: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    if url:
        monkeypatch.setenv("FILES_URL", url)
    with pytest.raises(ConfigurationError, match="FILES_URL") as raised:
        files.install(FastAPI())
    assert told in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_file_settings_default_to_media_of_100_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    found = read(FilesSettings)
    assert (found.limit, found.place) == (100 * 1024**2, "memory://")
    assert set(found.types) == {
        "application/gzip",
        "application/pdf",
        "application/zip",
        "audio/*",
        "font/*",
        "image/*",
        "text/plain",
        "video/*",
    }


def test_development_keeps_files_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert read(FilesSettings).place == (ROOT / ".dev" / "files").as_uri()
    assert (ROOT / "pyproject.toml").exists()


def test_a_directory_is_made_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FILES_URL", (tmp_path / "a" / "b").as_uri())
    open_store(read(FilesSettings))
    assert (tmp_path / "a" / "b").is_dir()


async def test_a_store_that_is_away_is_told_and_holds_nothing_else_up(
    bucket: None,
    database_url: str,
    admin_headers: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    _ = bucket, database_url
    async with serving(create_app()) as port, calling(port) as client:
        client.headers |= admin_headers
        told = await client.post(URL, params={"name": "a"}, content=b"text")
        assert (told.status_code, told.json()["code"]) == (503, "unavailable")
        assert "Retry-After" in told.headers
        assert "error sending request" in capsys.readouterr().out
        assert (await client.get(URL)).json()["total"] == 0
        assert (await client.get("/health/ready")).status_code == 200


async def test_a_bucket_gives_links(bucket: None) -> None:
    _ = bucket
    app = FastAPI()
    files.install(app)
    store = app.state.files
    assert store.signs
    link = urlsplit(await store.link("key"))
    assert link.path == "/bucket/prefix/key"
    assert parse_qs(link.query)["X-Amz-Expires"] == ["900"]
    assert KEY["AWS_SECRET_ACCESS_KEY"] not in link.query


async def content(*chunks: bytes) -> AsyncIterator[bytes]:
    """Give content as it comes."""
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(("length", "options"), [(4, {"use_multipart": False}), (1 << 19, {})])
async def test_bucket_stores_headers_with_content(
    bucket: None, monkeypatch: pytest.MonkeyPatch, length: int, options: dict[str, object]
) -> None:
    _ = bucket
    seen: list[dict[str, object]] = []

    async def put(*_: object, **named: object) -> None:
        seen.append(named)

    monkeypatch.setattr(obstore, "put_async", put)
    store = Store(open_store(read(FilesSettings)), read(FilesSettings))
    await store.put("key", Incoming("a.txt", content(b"a" * length), ["text/*"]))
    headers = {"Content-Type": "text/plain", "Content-Disposition": 'inline; filename="a.txt"'}
    parts = {"chunk_size": 5 * 1024**2, "max_concurrency": 2}
    assert seen == [{"attributes": headers} | parts | options]


async def test_stopping_service_waits_for_deletions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(obstore, "delete", fail)
    app = FastAPI()
    files.install(app)
    async with app.router.lifespan_context(app):
        app.state.files.discard("key")
    assert not app.state.files.leaving
    assert "content is left over" in capsys.readouterr().out
