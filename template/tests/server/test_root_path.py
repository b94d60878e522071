"""Tests of the root path, behind proxies that remove it from requests, and others that do not."""

import json
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from starlette.types import Message, Receive, Scope

from app.errors import ContentTooLarge
from app.main import create_app
from app.middleware import BodyLimit
from app.routing.root_path import RootPath, RootPathSettings
from app.settings import ConfigurationError, read
from tests.support import sample_resource
from tests.support.live_server import calling, serving
from tests.support.sample_resource import URL

ROOT = "/shop"
ToService = Callable[[str], str]


def keep(path: str) -> str:
    """Return the path that a proxy sends to the service, which it does not change."""
    return path


def strip(path: str) -> str:
    """Return the path that a proxy sends to the service, without the root path."""
    assert path.startswith(f"{ROOT}/")
    return path.removeprefix(ROOT)


@pytest.fixture(params=[keep, strip])
def to_service(request: pytest.FixtureRequest) -> ToService:
    """Return the function that a proxy applies to the path of a request."""
    function: ToService = request.param
    return function


@pytest.fixture
async def client(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[AsyncClient, None]:
    """Serve the service with `jots` and a root path on a real socket; return a client."""
    _ = database_url
    monkeypatch.setenv("ROOT_PATH", ROOT)
    monkeypatch.setenv("TRUSTED_HOSTS", "127.0.0.1")
    async with serving(sample_resource.create_app()) as port, calling(port) as http:
        yield http


async def test_docs_load_assets_and_schema_below_root_path(
    client: AsyncClient, to_service: ToService
) -> None:
    page = (await client.get(to_service(f"{ROOT}/docs"))).raise_for_status().text
    urls = re.findall(r"""(?:href="|src="|url: ')([^"']+)""", page)
    assert len(urls) == 4
    for url in urls:
        response = await client.get(to_service(url))
        assert (url[:6], response.status_code) == (f"{ROOT}/", 200), url
        is_file = not url.endswith("openapi.json")
        assert ("public" in response.headers["Cache-Control"]) is is_file
    assert f"origin + '{ROOT}/docs/oauth2-redirect'" in page


async def test_openapi_urls_have_root_path(client: AsyncClient, to_service: ToService) -> None:
    schema = (await client.get(to_service(f"{ROOT}/openapi.json"))).raise_for_status().json()
    assert schema["servers"] == [{"url": ROOT}]
    assert URL in schema["paths"]
    tokens = re.findall(r'"tokenUrl": "(/[^"]*)"', json.dumps(schema))
    assert all(url.startswith(f"{ROOT}/") for url in tokens)


async def test_links_have_root_path(client: AsyncClient, to_service: ToService) -> None:
    await client.post(to_service(f"{ROOT}{URL}"), json=sample_resource.payload())
    created = await client.post(to_service(f"{ROOT}{URL}"), json=sample_resource.payload())
    location = created.raise_for_status().headers["Location"]
    assert location == f"{ROOT}{URL}/{created.json()['id']}"
    assert (await client.get(to_service(location))).json() == created.json()
    page = await client.get(to_service(f"{ROOT}{URL}"), params={"size": 1})
    assert page.links["next"]["url"].startswith(f"{ROOT}{URL}?")
    assert (await client.get(to_service(page.links["next"]["url"]))).json()["items"]


async def test_paths_of_middleware_are_compared_without_root_path(
    client: AsyncClient, to_service: ToService, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for name in ("live", "ready"):
        path = to_service(f"{ROOT}/health/{name}")
        response = await client.get(path, headers={"Host": "10.0.0.1"})
        assert response.status_code == 200
        assert "ETag" not in response.headers
        assert not any("limit" in name for name in response.headers)
    assert "/health/" not in capsys.readouterr().out  # probes are logged at level debug
    response = await client.put(to_service(f"{ROOT}{URL}"))
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST")
    response = await client.put(to_service(f"{ROOT}{URL}/export"))
    assert response.headers["Allow"] == "GET, HEAD"
    assert (await client.head(to_service(f"{ROOT}{URL}"))).status_code == 200


@pytest.mark.usefixtures("json_logs")
async def test_log_contains_path_with_root_path(
    client: AsyncClient, to_service: ToService, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get(to_service(f"{ROOT}/nowhere"))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["path"] == f"{ROOT}/nowhere"


async def test_path_that_only_begins_like_root_path_returns_404(client: AsyncClient) -> None:
    for path in (ROOT, f"{ROOT}ping{URL}", f"{ROOT}{ROOT}{URL}"):
        assert (await client.get(path)).status_code == 404, path


@pytest.mark.parametrize(
    ("sent", "full"),
    [
        ("/shop/a%20b", "/shop/a%20b"),
        ("/a%20b", "/shop/a%20b"),
        ("/shopping", "/shop/shopping"),
    ],
)
async def test_path_and_raw_path_contain_root_path(sent: str, full: str) -> None:
    scopes: list[Scope] = []

    async def record(scope: Scope, _: object, __: object) -> None:
        scopes.append(scope)

    async def nothing(*_: object) -> Any:  # noqa: ANN401 - `receive` and `send`
        """Do nothing."""

    raw_path = sent.encode()
    scope = {"type": "http", "root_path": ROOT, "path": unquote(sent), "raw_path": raw_path}
    await RootPath(record)(scope, nothing, nothing)
    assert (scopes[0]["path"], scopes[0]["raw_path"]) == (unquote(full), full.encode())
    assert scope["path"] == unquote(sent)


async def test_body_limit_of_path_applies_below_root_path() -> None:
    kept: list[int] = []

    async def read(_: object, receive: Receive, __: object) -> None:
        await receive()
        kept.append(limit.kept)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"12345"}

    async def send(_: object) -> None:
        """Do nothing."""

    limit = BodyLimit(read, limit=4, limits={"/files": 5})
    scope = {"type": "http", "root_path": ROOT, "headers": []}
    await limit({**scope, "path": f"{ROOT}/files"}, receive, send)
    assert kept == [0]  # the body of an upload is streamed
    with pytest.raises(ContentTooLarge):
        await limit({**scope, "path": f"{ROOT}/other"}, receive, send)


@pytest.mark.parametrize(
    ("value", "path"), [("", ""), ("/", ""), ("/a", "/a"), ("/a/b-1.0_~", "/a/b-1.0_~")]
)
def test_root_path_is_read_from_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, path: str
) -> None:
    monkeypatch.setenv("ROOT_PATH", value)
    assert read(RootPathSettings).root_path == path


@pytest.mark.parametrize(
    "value",
    [
        *("shop", "/shop/", "//", "//evil.example", "/a//b", "/a?b", "/a#b", "/a b"),
        *("/..", "/a/../b", "/./a", "/a%20b", "/ä", "https://example.com/a", "/a\\b"),
    ],
)
def test_malformed_root_path_is_rejected(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ROOT_PATH", value)
    with pytest.raises(ConfigurationError, match=r"^ROOT_PATH: not a path of .*as in /shop"):
        read(RootPathSettings)


@pytest.mark.usefixtures("shared_url")
@pytest.mark.parametrize("value", ["/health", "/static", "/docs"])
def test_root_path_of_own_route_is_rejected(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ROOT_PATH", value)
    with pytest.raises(ConfigurationError, match=f"^ROOT_PATH: {value}.* is a path of the service"):
        create_app()


@pytest.mark.usefixtures("shared_url")
def test_application_without_root_path_has_no_servers(app: FastAPI) -> None:
    assert "servers" not in app.openapi()
