"""The pages that show the API."""

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import SplitResult, urlsplit

import pytest
from httpx2 import ASGITransport, AsyncClient

from app.main import create_app


async def test_the_page_needs_nothing_from_elsewhere(client: AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    used = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(used) == 3
    for path in used:
        assert (await client.head(path)).status_code == 200, path
    assert (await client.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect"])
async def test_a_page_may_load_only_what_is_served_here(client: AsyncClient, path: str) -> None:
    page = await client.get(path)
    scripts = re.findall(rb"<script>(.*?)</script>", page.content, re.DOTALL)
    digests = [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts]
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert f"script-src 'self' {' '.join(digests)}" in policy
    sources = {source for directive in policy for source in directive.split()[1:]}
    elsewhere = sources - {"'none'", "'self'", "data:", *digests}
    assert elsewhere <= {f"{url.scheme}://{url.netloc}" for url in await sign_in_urls(client)}


async def sign_in_urls(client: AsyncClient) -> list[SplitResult]:
    """Find the addresses elsewhere that the description names for signing in."""
    description = (await client.get("/openapi.json")).text
    named = re.findall(r'"(?:openIdConnectUrl|tokenUrl)":"([^"]+)"', description)
    return [url for url in map(urlsplit, named) if url.netloc]


async def test_a_window_that_signs_in_may_come_back(client: AsyncClient) -> None:
    policies = [
        (await client.get(path)).headers["Cross-Origin-Opener-Policy"]
        for path in ("/docs", "/docs/oauth2-redirect")
    ]
    assert policies == ["same-origin-allow-popups", "unsafe-none"]


@pytest.mark.usefixtures("production", "shared_url")
@pytest.mark.parametrize(("docs", "status"), [("", 404), ("true", 200)])
async def test_production_shows_the_api_only_when_told_to(
    monkeypatch: pytest.MonkeyPatch, docs: str, status: int
) -> None:
    if docs:
        monkeypatch.setenv("DOCS", docs)
    app = create_app()
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/docs")).status_code == status
        assert (await client.get("/openapi.json")).status_code == status
