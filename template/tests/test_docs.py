"""The pages that show the API."""

import re

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


@pytest.mark.parametrize(("docs", "status"), [("", 404), ("true", 200)])
async def test_production_shows_the_api_only_when_told_to(
    monkeypatch: pytest.MonkeyPatch, shared_url: str, docs: str, status: int
) -> None:
    _ = shared_url
    monkeypatch.setenv("ENVIRONMENT", "production")
    if docs:
        monkeypatch.setenv("DOCS", docs)
    app = create_app()
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/docs")).status_code == status
        assert (await client.get("/openapi.json")).status_code == status
