"""Tests of Swagger UI, its assets and its security headers."""

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import SplitResult, urlsplit

import pytest
from httpx2 import ASGITransport, AsyncClient

from app.main import create_app


async def test_swagger_ui_loads_only_local_assets(client: AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assets = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(assets) == 3
    for path in assets:
        assert (await client.head(path)).status_code == 200, path
    assert (await client.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect"])
async def test_swagger_ui_content_security_policy_allows_only_own_assets(
    client: AsyncClient, path: str
) -> None:
    page = await client.get(path)
    scripts = re.findall(rb"<script>(.*?)</script>", page.content, re.DOTALL)
    digests = [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts]
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert f"script-src 'self' {' '.join(digests)}" in policy
    sources = {source for directive in policy for source in directive.split()[1:]}
    external = sources - {"'none'", "'self'", "data:", *digests}
    assert external <= {f"{url.scheme}://{url.netloc}" for url in await login_urls(client)}


async def login_urls(client: AsyncClient) -> list[SplitResult]:
    """Return the login URLs of the OpenAPI security schemes that are outside the service."""
    schema = (await client.get("/openapi.json")).text
    urls = re.findall(r'"(?:openIdConnectUrl|tokenUrl)":"([^"]+)"', schema)
    return [url for url in map(urlsplit, urls) if url.netloc]


async def test_cross_origin_opener_policy_allows_login_popup(client: AsyncClient) -> None:
    policies = [
        (await client.get(path)).headers["Cross-Origin-Opener-Policy"]
        for path in ("/docs", "/docs/oauth2-redirect")
    ]
    assert policies == ["same-origin-allow-popups", "unsafe-none"]


@pytest.mark.usefixtures("production", "shared_url")
@pytest.mark.parametrize(("docs", "status"), [("", 404), ("true", 200)])
async def test_docs_in_production_return_404_unless_enabled(
    monkeypatch: pytest.MonkeyPatch, docs: str, status: int
) -> None:
    if docs:
        monkeypatch.setenv("DOCS", docs)
    app = create_app()
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/docs")).status_code == status
        assert (await client.get("/openapi.json")).status_code == status


@pytest.mark.usefixtures("shared_url")
@pytest.mark.parametrize("root", ["", "/shop"])
async def test_root_redirects_to_docs(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setenv("ROOT_PATH", root)
    for base in ("http://test", f"http://test{root}"):
        async with AsyncClient(transport=ASGITransport(create_app()), base_url=base) as client:
            page = await client.get("/")
            assert (page.status_code, page.headers["Location"]) == (307, f"{root}/docs")
            assert (await client.post("/")).status_code == 404
            assert (await client.get("/nothing")).status_code == 404


@pytest.mark.usefixtures("shared_url")
async def test_own_route_for_root_replaces_redirect_to_docs() -> None:
    app = create_app()

    @app.get("/")
    async def home() -> str:
        return "home"

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/")).json() == "home"


@pytest.mark.usefixtures("production", "shared_url")
async def test_root_in_production_returns_404() -> None:
    transport = ASGITransport(create_app())
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/")).status_code == 404


async def test_favicon_is_revalidated_by_its_etag(client: AsyncClient) -> None:
    icon = await client.get("/favicon.ico")
    assert icon.status_code == 200
    assert icon.headers["Content-Type"] == "image/svg+xml"
    headers = (await client.get("/static/favicon.svg")).headers
    assert icon.headers["Cache-Control"] == headers["Cache-Control"]
    known = {"If-None-Match": icon.headers["ETag"]}
    assert (await client.get("/favicon.ico", headers=known)).status_code == 304
