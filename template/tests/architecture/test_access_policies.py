"""Tests of access policies: every route requires authentication, or is listed as public."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.params import Depends
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.types import Message
from starlette.websockets import WebSocket

from app import auth, errors, migrate
from app.auth import (
    PUBLIC,
    SIGNED_IN,
    CurrentUser,
    current_caller,
    identify,
    optional_caller,
    require_permission,
    signed_in_or_key,
)
from app.models.base import now
from app.models.user import EVERYTHING
from development.routes import dependency_calls, rows
from tests.support.auth import OPEN, bearer, log_in_again, make_user
from tests.support.fuzzing import fuzz_api

# Routes without a policy, besides `OPEN`. All others declare one, such as `PUBLIC`, `SIGNED_IN`,
# `CurrentUser` or a permission.
WITHOUT_POLICY = {"docs", "favicon", "live", "ready", "redirect"}
POLICIES = {PUBLIC.dependency, current_caller, optional_caller}


def test_every_route_declares_access_policy(app: FastAPI) -> None:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.name not in WITHOUT_POLICY | OPEN:
            declared = set(dependency_calls(context.dependant))
            assert declared & POLICIES, (
                f"{route.name}: declare a policy, or add it to WITHOUT_POLICY."
            )


@pytest.mark.parametrize(
    ("dependencies", "description"),
    [
        ((), "public"),
        ((PUBLIC,), "public"),
        ((SIGNED_IN,), "signed in"),
        ((signed_in_or_key("users:read"),), "signed in, or API key with users:read"),
        ((signed_in_or_key("users:read"), require_permission("users:write")), "users:write"),
        ((require_permission("users:read", "users:write"),), "users:read or users:write"),
    ],
)
def test_route_is_described_by_its_strictest_policy(
    dependencies: tuple[Depends, ...], description: str
) -> None:
    service = FastAPI()
    auth.install(service)

    @service.get("/goods", dependencies=dependencies)
    async def list_goods() -> None:
        """Do nothing."""

    (row,) = [row for row in rows(service) if row[1] == "/goods"]
    assert row == ("GET", "/goods", description, f"{__name__}.list_goods")


async def test_api_key_without_scopes_reads_no_resource(
    app: FastAPI, client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session, EVERYTHING))
    new = {"name": "robot", "scopes": []}
    key = (await client.post("/api/v1/users/me/api-keys", json=new, headers=headers)).json()["key"]
    del client.headers["Authorization"]
    paths = [
        str(context.path)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        and "GET" in (context.methods or ())
        and any(hasattr(call, "scope") for call in dependency_calls(context.dependant))
    ]
    assert "/api/v1/users" in paths
    for path in paths:
        url = re.sub("{.*?}", str(uuid4()), path)
        assert (await client.get(url, headers={"X-API-Key": key})).status_code == 403, path


async def test_public_route_ignores_credentials_and_allows_shared_caches(app: FastAPI) -> None:
    shop = FastAPI()
    auth.install(shop)
    shop.state = app.state

    @shop.get("/goods", dependencies=[PUBLIC])
    async def list_goods() -> list[str]:
        return []

    @shop.post("/goods", dependencies=[PUBLIC])
    async def create_good() -> list[str]:
        return []

    async with AsyncClient(transport=ASGITransport(shop), base_url="http://test") as client:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"X-API-Key": "key_nonsense"}):
            response = await client.get("/goods", headers=headers)
            assert response.status_code == 200
            assert response.headers["Cache-Control"] == "public, no-cache"
        assert "Cache-Control" not in (await client.post("/goods")).headers
    assert "security" not in shop.openapi()["paths"]["/goods"]["get"]


async def test_request_without_credentials_returns_401(client: AsyncClient) -> None:
    del client.headers["Authorization"]
    response = await client.get("/api/v1/users/me")
    assert response.status_code == 401
    assert response.json()["code"] == "unauthenticated"
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("permissions", "status"),
    [((), 403), (("products:write",), 403), (("users:read",), 200), ((EVERYTHING,), 200)],
)
async def test_route_without_required_permission_returns_403(
    client: AsyncClient, session: AsyncSession, permissions: tuple[str, ...], status: int
) -> None:
    headers = bearer(await make_user(session, *permissions))
    assert (await client.get("/api/v1/users", headers=headers)).status_code == status


async def test_new_user_role_applies_to_next_request(
    client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session, "products:read"))
    assert (await client.get("/api/v1/users", headers=headers)).status_code == 403
    changed = {"permissions": ["users:read"]}
    assert (await client.put("/api/v1/roles/products:read", json=changed)).status_code == 200
    assert (await client.get("/api/v1/users", headers=headers)).status_code == 200


async def test_identify_stores_caller_in_request_state(app: FastAPI, session: AsyncSession) -> None:
    user = await make_user(session)
    fields = [(name.lower().encode(), value.encode()) for name, value in bearer(user).items()]
    request = Request({"type": "http", "app": app, "headers": fields, "state": {}})
    assert (await identify(request)).caller
    assert request.state.caller == f"user:{user.id}"


async def connect(app: FastAPI, headers: dict[str, str]) -> list[Message]:
    """Open a WebSocket; return the ASGI messages that the application sends."""
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/greeting", "query_string": b"", "headers": fields}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)
    return sent


async def test_websocket_without_credentials_is_rejected_with_401(
    app: FastAPI, session: AsyncSession
) -> None:
    user = await make_user(session)
    greeter = FastAPI()
    errors.install(greeter)
    greeter.state = app.state

    @greeter.websocket("/greeting")
    async def greet(websocket: WebSocket, user: CurrentUser) -> None:
        await websocket.accept()
        await websocket.send_text(user.email)

    accept, text, *_ = await connect(greeter, bearer(user))
    assert accept["type"] == "websocket.accept"
    assert text["text"] == user.email
    response, body = await connect(greeter, {})
    assert response["status"] == 401
    assert b'"unauthenticated"' in body["body"]


@pytest.mark.parametrize("state", ["deleted_at", "disabled_at"])
async def test_token_of_inactive_user_returns_401(
    client: AsyncClient, session: AsyncSession, state: str
) -> None:
    user = await make_user(session)
    headers = bearer(user)
    setattr(user, state, user.created_at)
    await session.commit()
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


async def test_logout_everywhere_revokes_earlier_tokens(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    earlier = bearer(user, issued=now() - timedelta(minutes=1))
    assert (await client.get("/api/v1/users/me", headers=earlier)).status_code == 200
    response = await client.post("/api/v1/users/me/logout-everywhere", headers=earlier)
    assert response.status_code == 204
    assert (await client.get("/api/v1/users/me", headers=earlier)).status_code == 401
    again = await log_in_again(session, user)
    assert (await client.get("/api/v1/users/me", headers=again)).status_code == 200


@pytest.mark.drill
async def test_random_admin_requests_cause_no_500(database_url: str, tmp_path: Path) -> None:
    engine = migrate.create()
    async with AsyncSession(engine, expire_on_commit=False) as session:
        (header,) = bearer(await make_user(session, EVERYTHING)).items()
    await engine.dispose()
    keep_access = "--exclude-path-regex", "/users/me/(logout|sessions)"
    await fuzz_api(database_url, tmp_path, 30, "--header", ": ".join(header), *keep_access)
