"""Who may call: every route says so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.types import Message
from starlette.websockets import WebSocket

from app import errors, migrate
from app.auth import CurrentUser, current_caller, identify
from app.models.base import now
from app.models.user import EVERYTHING
from tests.support.auth import OPEN, bearer, make_user
from tests.support.fuzzing import fuzz_api

# Open to everybody. A route on neither list declares `CurrentUser`, `SIGNED_IN` or a permission.
PUBLIC = {"docs", "live", "ready", "redirect"}


def calls(dependant: Dependant) -> Iterator[object]:
    """Find every dependency of a route, however deep."""
    yield dependant.call
    for below in dependant.dependencies:
        yield from calls(below)


def test_every_route_declares_who_may_call_it(app: FastAPI) -> None:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.name not in PUBLIC | OPEN:
            declared = set(calls(context.dependant))
            assert current_caller in declared, f"{route.name}: declare a policy, or list it here."


async def test_nobody_reads_without_signing_in(client: AsyncClient) -> None:
    del client.headers["Authorization"]
    refused = await client.get("/api/v1/users/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("permissions", "status"),
    [((), 403), (("products:write",), 403), (("users:read",), 200), ((EVERYTHING,), 200)],
)
async def test_a_permission_is_asked_for(
    client: AsyncClient, session: AsyncSession, permissions: tuple[str, ...], status: int
) -> None:
    headers = bearer(await make_user(session, *permissions))
    assert (await client.get("/api/v1/users", headers=headers)).status_code == status


async def test_what_a_role_allows_counts_from_the_next_request(
    client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session, "products:read"))
    assert (await client.get("/api/v1/users", headers=headers)).status_code == 403
    changed = {"permissions": ["users:read"]}
    assert (await client.put("/api/v1/roles/products:read", json=changed)).status_code == 200
    assert (await client.get("/api/v1/users", headers=headers)).status_code == 200


async def test_whoever_calls_is_known_before_any_route_asks(
    app: FastAPI, session: AsyncSession
) -> None:
    user = await make_user(session)
    shown = [(name.lower().encode(), value.encode()) for name, value in bearer(user).items()]
    asked = Request({"type": "http", "app": app, "headers": shown, "state": {}})
    assert (await identify(asked)).caller
    assert asked.state.caller == f"user:{user.id}"


async def connect(app: FastAPI, headers: dict[str, str]) -> list[Message]:
    """Ask for a WebSocket, and give what comes back."""
    shown = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/greeting", "query_string": b"", "headers": shown}
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message)

    await app({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)
    return told


async def test_a_websocket_knows_who_calls(app: FastAPI, session: AsyncSession) -> None:
    user = await make_user(session)
    greeter = FastAPI()
    errors.install(greeter)
    greeter.state = app.state

    @greeter.websocket("/greeting")
    async def greet(websocket: WebSocket, user: CurrentUser) -> None:
        await websocket.accept()
        await websocket.send_text(user.email)

    accepted, greeted, *_ = await connect(greeter, bearer(user))
    assert (accepted["type"], greeted["text"]) == ("websocket.accept", user.email)
    refused, body = await connect(greeter, {})
    assert refused["status"] == 401
    assert b'"unauthenticated"' in body["body"]


@pytest.mark.parametrize("state", ["deleted_at", "disabled_at"])
async def test_a_token_of_somebody_who_is_gone_is_void(
    client: AsyncClient, session: AsyncSession, state: str
) -> None:
    user = await make_user(session)
    headers = bearer(user)
    setattr(user, state, user.created_at)
    await session.commit()
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


async def test_who_signs_out_everywhere_voids_what_was_given_before(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    earlier = bearer(user, issued=now() - timedelta(minutes=1))
    assert (await client.get("/api/v1/users/me", headers=earlier)).status_code == 200
    gone = await client.post("/api/v1/users/me/logout-everywhere", headers=earlier)
    assert gone.status_code == 204
    assert (await client.get("/api/v1/users/me", headers=earlier)).status_code == 401
    assert (await client.get("/api/v1/users/me", headers=bearer(user))).status_code == 200


@pytest.mark.drill
async def test_no_request_of_an_administrator_breaks_the_service(
    database_url: str, tmp_path: Path
) -> None:
    engine = migrate.create()
    async with AsyncSession(engine, expire_on_commit=False) as session:
        (header,) = bearer(await make_user(session, EVERYTHING)).items()
    await engine.dispose()
    await fuzz_api(database_url, tmp_path, 30, "--header", ": ".join(header))
