"""CORS preflight requests of a page on another origin."""

import pytest
from httpx2 import ASGITransport, AsyncClient

from app.main import create_app

ORIGIN = "https://shop.example"


async def rejected_headers(monkeypatch: pytest.MonkeyPatch, *names: str) -> set[str]:
    """Send a preflight request for each request header; return the headers that are rejected."""
    monkeypatch.setenv("CORS_ORIGINS", ORIGIN)
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    rejected = set()
    async with AsyncClient(transport=ASGITransport(create_app()), base_url="http://test") as client:
        for name in names:
            headers = preflight | {"Access-Control-Request-Headers": name.lower()}
            if (await client.options("/", headers=headers)).status_code != 200:
                rejected.add(name)
    return rejected
