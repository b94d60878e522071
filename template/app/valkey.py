"""Valkey, or Redis with the same protocol: URLs, and connection pools with short timeouts."""

from typing import Annotated

from pydantic import PlainValidator
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

MAX_CONNECTIONS = 32  # connections per pool
TIMEOUT = 0.25  # seconds to connect, to wait for a connection of the pool, and for a response

# Schemes of hosting providers, and those of the client library.
SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
}


def parse_url(value: object) -> URL:
    """Parse the URL of a Valkey server; errors omit the URL, which may contain a password."""
    try:
        url = make_url(str(value))
    except (ArgumentError, ValueError):
        message = "It is not a URL"
        raise ValueError(message) from None
    if url.drivername not in SCHEMES:
        message = "It is not a URL of Valkey or Redis"
        raise ValueError(message)
    return url.set(drivername=SCHEMES[url.drivername])


ValkeyUrl = Annotated[URL, PlainValidator(parse_url)]


def connection_pool(url: URL, timeout: float | None = None) -> BlockingConnectionPool:
    """Return a connection pool that retries a command once after a broken connection.

    A timeout is not retried, so an unavailable server delays a request by only one timeout. An
    `asyncio.timeout` around a command is not enough: the client library uses `asyncio.wait_for`,
    which can lose the cancellation in Python 3.11.

    Args:
        url: the URL of the server
        timeout: seconds to wait for a response, by default `TIMEOUT`
    """
    return BlockingConnectionPool.from_url(
        url.render_as_string(hide_password=False),
        max_connections=MAX_CONNECTIONS,
        timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        socket_timeout=TIMEOUT if timeout is None else timeout,
        retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
    )
