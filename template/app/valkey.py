"""Valkey, or Redis, which speaks alike: its address, and connections that give up soon."""

from typing import Annotated

from pydantic import PlainValidator
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Broken
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

CONNECTIONS = 32  # that one process holds at most
PATIENCE = 0.25  # seconds that a connection, or an answer, may take

# As hosts hand them out, and as the client knows them.
SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
}


def parse_url(value: object) -> URL:
    """Read a URL, without repeating it where it is none."""
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


def connection_pool(url: URL, patience: float | None = None) -> BlockingConnectionPool:
    """Hold connections, each made as it is needed; one that broke is made anew, once.

    `patience` is for the seconds that an answer may take, if not `PATIENCE`. Who did not give one
    in time is not asked again: a timeout around this may be lost (Python 3.11's `asyncio.wait_for`,
    with which the client sends, loses a cancellation at times), and then the client's own has to
    hold.
    """
    return BlockingConnectionPool.from_url(
        url.render_as_string(hide_password=False),
        max_connections=CONNECTIONS,
        timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        socket_timeout=PATIENCE if patience is None else patience,
        retry=Retry(NoBackoff(), 1, (Broken,)),
    )
