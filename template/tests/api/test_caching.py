"""Tests of Cache-Control: no shared cache may store a response, unless its route says so."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI, Response
from httpx2 import ASGITransport, AsyncClient
from httpx2 import Response as HttpResponse

from tests.support import sample_resource

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # reads first: a write may end the session
MISSING = UUID(int=0)  # the ID of no row
VARY = {"Authorization", "X-API-Key"}

router = APIRouter()


@router.get("/policy")
async def policy(response: Response, value: str) -> str:
    """Return a response with a `Cache-Control` header."""
    response.headers["Cache-Control"] = value
    return "content"


def is_private(response: HttpResponse) -> bool:
    """Return whether no shared cache returns the response to another caller (RFC 9111)."""
    directives = set(response.headers.get("Cache-Control", "").split(", "))
    varies = set(response.headers.get("Vary", "").split(", "))
    return "no-store" in directives or ("private" in directives and varies >= VARY)


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield the method and path of each operation of the API that ends, with the ID of no row."""
    paths = app.openapi()["paths"]
    for method in METHODS:
        for path, described in paths.items():
            operation = described.get(method.lower())
            if operation and not operation.get("x-endless"):
                names = (each["name"] for each in operation.get("parameters", ()))
                values = {name: MISSING for name in names if f"{{{name}}}" in path}
                yield method, path.format(**values)


async def is_public(client: AsyncClient, response: HttpResponse) -> bool:
    """Return whether a response is declared as public, and strangers get the same one."""
    url, declared = response.url, response.headers.get("Cache-Control", "").startswith("public")
    stranger = await client.get(url, headers={"Authorization": ""})
    return declared and (stranger.status_code, stranger.text) == (200, response.text)


async def test_every_operation_returns_private_response_unless_public(
    app: FastAPI, client: AsyncClient
) -> None:
    statuses = set()
    for method, path in operations(app):
        response = await client.request(method, path, json={} if method != "GET" else None)
        statuses.add(response.status_code)
        is_safe = is_private(response) or await is_public(client, response)
        assert is_safe, f"{method} {path}: {response.status_code}"
    assert 200 in statuses


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", sample_resource.URL, 200),
        ("GET", f"{sample_resource.URL}/export", 200),
        ("POST", sample_resource.URL, 201),
        ("GET", f"{sample_resource.URL}/{MISSING}", 404),
        ("GET", f"{sample_resource.URL}/0", 422),
        ("GET", "/nowhere", 404),
    ],
)
async def test_list_export_creation_and_error_are_private(
    jot_client: AsyncClient, method: str, url: str, status: int
) -> None:
    body = sample_resource.payload() if method == "POST" else None
    response = await jot_client.request(method, url, json=body)
    assert (response.status_code, is_private(response)) == (status, True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=60", "max-age=60, private"),
        ("private, max-age=60", "private, max-age=60"),
        ("no-cache", "no-cache, private"),
        ("no-store", "no-store"),
    ],
)
async def test_caching_of_route_is_private_unless_public(
    jot_app: FastAPI, value: str, expected: str
) -> None:
    served = sample_resource.create_app()
    served.include_router(router)
    served.state = jot_app.state
    async with AsyncClient(transport=ASGITransport(served), base_url="http://test") as client:
        response = await client.get("/policy", params={"value": value})
        assert response.headers["Cache-Control"] == expected
        assert is_private(response)
        public = await client.get("/policy", params={"value": "public, max-age=60"})
    assert public.headers["Cache-Control"] == "public, max-age=60"
    assert not VARY & set(public.headers.get("Vary", "").split(", "))


async def test_static_files_are_public_and_revalidated(client: AsyncClient) -> None:
    response = await client.get("/static/favicon.svg")
    assert response.headers["Cache-Control"] == "public, no-cache"
    assert response.headers["ETag"]
