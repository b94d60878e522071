"""Tests of the object store: settings, outages, presigned URLs and deletions."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from fastapi import FastAPI

from app import checks, files
from app.files.incoming import Incoming
from app.files.storage import ROOT, FilesSettings, Store, open_store
from app.main import create_app
from app.settings import ConfigurationError, read
from tests.support.live_server import calling, free_port, serving

URL = "/api/v1/files"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_REGION": "eu"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure an S3 bucket that is unavailable."""
    monkeypatch.setenv("FILES_URL", "s3://bucket/prefix")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("url", "environment", "problem"),
    [
        ("", "production", "missing. Set it to file:///"),
        ("memory://", "production", "not persistent"),
        ("https://user:hunter2@example.com", "test", "not a URL of a bucket"),
        ("hunter2", "test", "not a URL of a bucket"),
        ("s3:///", "test", "not a URL of a bucket"),
        ("file:///dev/null/files", "test", "cannot open the object store"),
        ("az://container", "test", "Account must be specified"),
        ("s3://id:hunter2@bucket", "test", "AWS_ENDPOINT_URL"),
        ("s3://bucket?endpoint=http://hunter2", "test", "AWS_ENDPOINT_URL"),
    ],
)
def test_invalid_files_url_is_reported(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: str, problem: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    if url:
        monkeypatch.setenv("FILES_URL", url)
    with pytest.raises(ConfigurationError, match="FILES_URL") as raised:
        files.install(FastAPI())
    assert problem in str(raised.value)
    assert "hunter2" not in str(raised.value)


async def test_check_lists_objects_of_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bucket: None
) -> None:
    _ = bucket
    (probe,) = read(FilesSettings).connections().values()
    assert "unavailable (" in await checks.failure(probe)
    monkeypatch.setenv("FILES_URL", f" FILE://{tmp_path}\n")
    (probe,) = read(FilesSettings).connections().values()
    assert await checks.failure(probe) == ""


def test_upload_defaults_allow_media_files_up_to_100_mib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    config = read(FilesSettings)
    assert (config.limit, config.store_url) == (100 * 1024**2, "memory://")
    assert set(config.types) == {
        "application/gzip",
        "application/pdf",
        "application/zip",
        "audio/*",
        "font/*",
        "image/*",
        "text/plain",
        "video/*",
    }


def test_development_stores_files_in_checkout_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert read(FilesSettings).store_url == (ROOT / ".dev" / "files").as_uri()
    assert (ROOT / "pyproject.toml").exists()


def test_missing_storage_directory_is_created(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FILES_URL", (tmp_path / "a" / "b").as_uri())
    open_store(read(FilesSettings))
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


async def test_stored_file_is_readable_by_its_owner_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FILES_URL", (tmp_path / "fi les").as_uri())
    app = FastAPI()
    files.install(app)
    for key, size in (("short", 1), ("long", 1 << 20)):
        await app.state.files.put(key, Incoming(key, content(b"a" * size), ("*",)))
        path = tmp_path / "fi les" / key
        assert (path.stat().st_size, path.stat().st_mode & 0o777) == (size, 0o600)


async def test_unavailable_object_store_fails_only_file_requests(
    bucket: None,
    database_url: str,
    admin_headers: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    _ = bucket, database_url
    async with serving(create_app()) as port, calling(port) as client:
        client.headers |= admin_headers
        response = await client.post(URL, params={"name": "a"}, content=b"text")
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert "Retry-After" in response.headers
        logs = capsys.readouterr().out
        assert "object_store_unavailable" in logs
        assert "error sending request" in logs
        assert (await client.get(URL)).json()["total"] == 0
        assert (await client.get("/health/ready")).status_code == 200


async def test_bucket_creates_presigned_url(bucket: None) -> None:
    _ = bucket
    app = FastAPI()
    files.install(app)
    store = app.state.files
    assert store.signs
    link = urlsplit(await store.link("key"))
    assert link.path == "/bucket/prefix/key"
    assert parse_qs(link.query)["X-Amz-Expires"] == ["900"]
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in link.query


async def content(*chunks: bytes) -> AsyncIterator[bytes]:
    """Yield the content of an upload in chunks."""
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(("length", "options"), [(4, {"use_multipart": False}), (1 << 19, {})])
async def test_bucket_stores_headers_with_content(
    bucket: None, monkeypatch: pytest.MonkeyPatch, length: int, options: dict[str, object]
) -> None:
    _ = bucket
    calls: list[dict[str, object]] = []

    async def put(*_: object, **options: object) -> None:
        calls.append(options)

    monkeypatch.setattr(obstore, "put_async", put)
    store = Store(open_store(read(FilesSettings)), read(FilesSettings))
    await store.put("key", Incoming("a.txt", content(b"a" * length), ["text/*"]))
    headers = {"Content-Type": "text/plain", "Content-Disposition": 'inline; filename="a.txt"'}
    parts = {"chunk_size": 5 * 1024**2, "max_concurrency": 2}
    assert calls == [{"attributes": headers} | parts | options]


async def test_shutdown_waits_for_object_deletions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(obstore, "delete", fail)
    app = FastAPI()
    files.install(app)
    async with app.router.lifespan_context(app):
        app.state.files.discard("key")
    assert not app.state.files.deletions
    assert "object_deletion_failed" in capsys.readouterr().out
