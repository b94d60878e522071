"""The HTTP client: shared, bounded, and stubbed at its transport."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.http_client import HttpClient, forward_request_id
from app.main import create_app
from tests.support.live_server import lifespan


@pytest.fixture
def caller(shared_url: str) -> FastAPI:
    """Build the service with a route that calls another."""
    _ = shared_url
    router = APIRouter()

    @router.get("/weather")
    async def weather(http: HttpClient) -> dict[str, str]:
        answered = await http.get("https://weather.example/today")
        answered.raise_for_status()
        return dict(answered.json())

    app = create_app()
    app.include_router(router)
    return app


async def test_others_are_called_with_the_id_of_the_request(caller: FastAPI) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"id": request.headers["X-Request-ID"]})

    stub = httpx2.MockTransport(answer)
    async with AsyncClient(
        transport=stub, event_hooks={"request": [forward_request_id]}
    ) as outside:
        caller.state.http_client = outside
        async with AsyncClient(transport=ASGITransport(caller), base_url="http://test") as client:
            told = await client.get("/weather", headers={"X-Request-ID": "abc"})
    assert told.json() == {"id": "abc"}


async def test_the_client_lives_as_long_as_the_service(
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
