"""Tests of Valkey's URLs, as hosting providers issue them, and of TLS."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from redis.exceptions import ConnectionError as RedisConnectionError

from app import checks
from app.valkey import connections, parse_url, ping
from tests.support import valkey


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # Heroku, with a self-signed certificate
        (
            "rediss://:p@ec2-1.example:6380?ssl_cert_reqs=none",
            "rediss://:p@ec2-1.example:6380?ssl_cert_reqs=none",
        ),
        ("rediss://:p@h:6380?ssl_cert_reqs=CERT_NONE", "rediss://:p@h:6380?ssl_cert_reqs=none"),
        # Upstash, DigitalOcean, ElastiCache, Aiven, Azure, Railway, Render
        ("rediss://default:p@h:6379", "rediss://default:p@h:6379"),
        ("valkeys://default:p@h:1", "rediss://default:p@h:1"),
        (
            "rediss://:p%3D@n.redis.cache.windows.net:6380",
            "rediss://:p%3D@n.redis.cache.windows.net:6380",
        ),
        (
            "redis://default:p@redis.railway.internal:6379?family=0",
            "redis://default:p@redis.railway.internal:6379",
        ),
        ("redis://red-c1", "redis://red-c1"),
        ("REDIS://h/2", "redis://h/2"),
        ("valkey://[::1]:6379?db=2", "redis://[::1]:6379?db=2"),
        (" redis://h\n", "redis://h"),
    ],
)
def test_url_of_host_is_parsed(url: str, expected: str) -> None:
    assert parse_url(url).render_as_string(hide_password=False) == expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("hunter2", "not a URL"),
        ("http://u:hunter2@h", "not a URL of Valkey"),
        ("redis+sentinel://u:hunter2@h", "not a URL of Valkey"),
        ("redis://u:hunter2@h:65536", "port is not a number from 1 to 65535"),
        ("redis://u:hunter2@h?socket_timeout=1", "socket_timeout"),
        ("redis://u:hunter2@h?decode_responses=true", "decode_responses"),
        ("redis://u:hunter2@h?protocol=4", "protocol is not 2 or 3"),
        ("redis://u:hunter2@h?ssl_cert_reqs=none", "needs the scheme rediss"),
        ("rediss://u:hunter2@h?ssl_cert_reqs=no", "none, optional, required"),
        ("rediss://u:hunter2@h?ssl_ca_certs=/missing", "ssl_ca_certs cannot be loaded"),
        ("rediss://u:hunter2@h?ssl_certfile=/missing", "ssl_certfile cannot be loaded"),
        (
            "rediss://u:hunter2@h?ssl_keyfile=/missing&ssl_cert_reqs=none",
            "ssl_keyfile needs ssl_certfile",
        ),
        (
            "rediss://u:hunter2@h?ssl_cert_reqs=none&ssl_certfile=/missing",
            "its parameters ssl_certfile cannot",
        ),
        ("redis://u:hunter2@h/shop", "database is not a number"),
        ("redis://u:hunter2@h?db=shop", "database is not a number"),
    ],
)
def test_invalid_url_error_names_problem_and_hides_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)


@dataclass
class Server:
    """A Valkey server behind TLS, which requires a client certificate."""

    url: str
    directory: Path


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Server, None]:
    """Run a Valkey server behind a relay that terminates TLS, for which its build has no code."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("app").private_key_and_cert_chain_pem.write_to_path(tmp_path / "app.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("localhost").configure_cert(context)
    with valkey.server() as address:
        url = parse_url(address)

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            upstream_reader, upstream = await (
                asyncio.open_unix_connection(f"/{url.database}")
                if url.drivername == "unix"
                else asyncio.open_connection(url.host, url.port or 6379)
            )
            await asyncio.gather(copy(reader, upstream), copy(upstream_reader, writer))

        listener = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        yield Server(f"rediss://localhost:{port}?ssl_certfile={tmp_path}/app.pem", tmp_path)
        listener.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the end; then close the other side."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
    except OSError:  # also ssl.SSLError
        pass
    finally:
        writer.close()


async def test_private_ca_and_client_certificate_connect(server: Server) -> None:
    await ping(parse_url(f"{server.url}&ssl_ca_certs={server.directory}/ca.pem"))
    await ping(parse_url(f"{server.url}&ssl_cert_reqs=none"))
    with pytest.raises(RedisConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        await ping(parse_url(server.url))


async def test_check_reports_reason_of_failed_connection(server: Server) -> None:
    (probe,) = connections(parse_url(server.url)).values()
    assert "CERTIFICATE_VERIFY_FAILED" in await checks.failure(probe)
    assert connections(None) == {}
