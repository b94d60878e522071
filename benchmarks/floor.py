"""Serve the responses of the throughput benchmark with only Starlette and asyncpg, as its baseline.

`DATABASE_URL` selects the database. The SQL equals the emitted service's, with the count of a list.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = "id, sku, title, description, price, status, released_on, created_at, updated_at"
ONE = f"SELECT {COLUMNS} FROM products WHERE id = $1"  # noqa: S608
PAGE = f"SELECT {COLUMNS} FROM products ORDER BY created_at NULLS LAST, id LIMIT $1 OFFSET $2"  # noqa: S608
TOTAL = "SELECT count(*) FROM products"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    """Open a connection pool while the server runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


def json_response(content: object) -> Response:
    """Return a JSON response, encoded by orjson."""
    return Response(orjson.dumps(content, default=str), media_type="application/json")


async def one(request: Request) -> Response:
    """Return one row of the table as JSON."""
    row: Any = await request.app.state.pool.fetchrow(ONE, request.path_params["id"])
    return json_response(dict(row))


async def page(request: Request) -> Response:
    """Return a page of the table's rows as JSON, with the total count."""
    size = int(request.query_params["size"])
    async with request.app.state.pool.acquire() as connection:
        rows = await connection.fetch(PAGE, size, 0)
        total = await connection.fetchval(TOTAL)
    return json_response({"items": [dict(row) for row in rows], "total": total, "page": 1, "size": size})


app = Starlette(
    routes=[Route("/api/v1/products/{id}", one), Route("/api/v1/products", page)],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="error")
