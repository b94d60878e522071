"""Tests of the HTTP client by which the service calls other services."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.http_client import HttpClient, forward_request_id
from app.main import create_app
from tests.support.live_server import lifespan


@pytest.fixture
def caller(shared_url: str) -> FastAPI:
    """Return the service with a route that sends a request to another service."""
    _ = shared_url
    router = APIRouter()

    @router.get("/weather")
    async def weather(http: HttpClient) -> dict[str, str]:
        response = await http.get("https://weather.example/today")
        response.raise_for_status()
        return dict(response.json())

    app = create_app()
    app.include_router(router)
    return app


async def test_http_client_forwards_request_id(caller: FastAPI) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"id": request.headers["X-Request-ID"]})

    stub = httpx2.MockTransport(respond)
    async with AsyncClient(
        transport=stub, event_hooks={"request": [forward_request_id]}
    ) as outside:
        caller.state.http_client = outside
        async with AsyncClient(transport=ASGITransport(caller), base_url="http://test") as client:
            response = await client.get("/weather", headers={"X-Request-ID": "abc"})
    assert response.json() == {"id": "abc"}


async def test_http_client_is_closed_at_shutdown(
    monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.delenv("HTTP_CLIENT_CONNECT_TIMEOUT")  # raised for all other tests
    caller = create_app()
    async with lifespan(caller):
        http: AsyncClient = caller.state.http_client
        assert http.timeout.connect == 3
        assert not http.is_closed
    assert http.is_closed
