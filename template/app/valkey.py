"""Valkey, or Redis with the same protocol: URLs, and connection pools with short timeouts."""

import re
from functools import partial
from typing import Annotated

from pydantic import PlainValidator
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import URL

from app import settings

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


# Parameters of URLs, which client libraries read.
FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
TLS_PARAMETERS = (*FILES, "ssl_cert_reqs", "ssl_check_hostname", "ssl_password")
NUMBER = re.compile(r"[0-9]+")
VERIFICATION = ("none", "optional", "required")
IGNORED = ("family",)  # of ioredis: connections use IPv4 and IPv6


def parse_url(value: object) -> URL:
    """Parse the URL of a Valkey server; errors omit the URL, which may contain a password."""
    url = settings.parse_url(value).difference_update_query(IGNORED)
    if url.drivername not in SCHEMES:
        message = "It is not a URL of Valkey or Redis"
        raise ValueError(message)
    url = url.set(drivername=SCHEMES[url.drivername])
    settings.reject_parameters(url, ("db", "protocol", *TLS_PARAMETERS))
    if url.query.get("protocol", "3") not in {"2", "3"}:
        message = "Its parameter protocol is not 2 or 3"
        raise ValueError(message)
    path = "0" if url.drivername == "unix" else url.database or "0"
    if not NUMBER.fullmatch(str(url.query.get("db", path))):
        message = "Its database is not a number"
        raise ValueError(message)
    return check_tls(url)


def check_tls(url: URL) -> URL:
    """Check the TLS parameters, and load their files."""
    names = sorted(url.query.keys() & set(TLS_PARAMETERS))
    if not names:
        return url
    if url.drivername != "rediss":
        message = f"Its parameter {names[0]} needs the scheme rediss"
        raise ValueError(message)
    if "ssl_keyfile" in names and "ssl_certfile" not in names:
        message = "Its parameter ssl_keyfile needs ssl_certfile"
        raise ValueError(message)
    if "ssl_cert_reqs" in names:  # also as a constant of Python, such as CERT_NONE
        reqs = str(url.query["ssl_cert_reqs"]).removeprefix("CERT_").lower()
        if reqs not in VERIFICATION:
            message = f"Its parameter ssl_cert_reqs is not one of {', '.join(VERIFICATION)}"
            raise ValueError(message)
        url = url.update_query_dict({"ssl_cert_reqs": reqs})
    _load_files(url)
    return url


def _load_files(url: URL) -> None:
    connection = connection_pool(url).make_connection()  # type: ignore[no-untyped-call]
    try:
        connection.ssl_context.get()
    except OSError as error:  # also ssl.SSLError
        files = ", ".join(name for name in FILES if name in url.query)
        message = f"A file of its parameters {files} cannot be loaded ({error.strerror})"
        raise ValueError(message) from None


ValkeyUrl = Annotated[URL, PlainValidator(parse_url)]


def connections(url: URL | None) -> dict[str, settings.Probe]:
    """Return a function that connects to the server of the field `url`, if it is set."""
    return {} if url is None else {"url": partial(ping, url)}


async def ping(url: URL) -> None:
    """Send PING to a server; raise an error if it is unavailable, or rejects the password."""
    pool = connection_pool(url)
    try:
        await Redis(connection_pool=pool).ping()
    finally:
        await pool.aclose()


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
