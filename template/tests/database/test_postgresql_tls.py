"""Tests of TLS connections to PostgreSQL, by the parameters of the URL.

The embedded server is built without TLS. A relay in front of it terminates TLS, as PgBouncer and
the proxies of hosting providers do.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import make_url, text

from app import settings
from app.errors import Unavailable
from app.postgresql import DatabaseSettings, create_engine

LOCALHOST = ("127.0.0.1", "::1")
ABOUT = """
    SELECT application_name, current_setting('search_path')
    FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""


@dataclass
class Relay:
    """Relay to PostgreSQL that requires TLS; it records certificates and startup messages."""

    url: str
    context: ssl.SSLContext
    directory: Path  # of the certificates
    ports: dict[str, int] = field(default_factory=dict)
    subjects: list[str] = field(default_factory=list)
    startups: list[dict[str, str]] = field(default_factory=list)
    is_silent: bool = False  # whether no message of the server reaches the client

    async def upgrade(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept a request for TLS (`sslnegotiation=postgres`), then relay."""
        await reader.readexactly(8)
        writer.write(b"S")
        try:
            await writer.start_tls(self.context)
        except (ssl.SSLError, ConnectionError):
            writer.close()
        else:
            await self.relay(reader, writer)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to the server."""
        url = make_url(self.url)
        path = f"{url.query.get('host')}/.s.PGSQL.{url.port or 5432}"
        is_local = "host" in url.query
        upstream_reader, upstream = await (
            asyncio.open_unix_connection(path)
            if is_local
            else asyncio.open_connection(url.host, url.port or 5432)
        )
        with closing(writer), closing(upstream):
            await self.exchange(reader, writer, upstream_reader, upstream)

    async def exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> None:
        """Copy the messages of both sides, after recording the client's first message."""
        (length,) = struct.unpack("!i", head := await reader.readexactly(4))
        startup = await reader.readexactly(length - 4)
        words = startup[4:].decode().strip("\0").split("\0")
        self.startups.append(dict(zip(words[::2], words[1::2], strict=True)))
        subject = dict(pair for (pair,) in writer.get_extra_info("peercert")["subject"])
        self.subjects.append(subject["commonName"])
        upstream.write(head + startup)
        await asyncio.gather(self.copy(reader, upstream), self.copy(upstream_reader, writer))

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy bytes until the end, unless the relay is silent; then close the other side."""
        try:
            while data := await reader.read(1 << 16):
                if not self.is_silent:
                    writer.write(data)
                    await writer.drain()
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()


def free_port() -> int:
    """Return a port on which nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture
async def relay(shared_url: str, tmp_path: Path) -> AsyncGenerator[Relay, None]:
    """Run a relay on the loopback addresses, which requires a client certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other-ca.pem")
    client = authority.issue_cert("app.example", common_name="app")
    client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["postgresql"])
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("localhost", *LOCALHOST).configure_cert(context)
    result = Relay(shared_url, context, tmp_path)
    async with AsyncExitStack() as stack:
        for name, handler, tls in (
            ("postgres", result.upgrade, None),
            ("direct", result.relay, context),
        ):
            port = result.ports[name] = free_port()
            server = await asyncio.start_server(handler, LOCALHOST, port, ssl=tls)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
        yield result


async def connect(monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[Any, ...]:
    """Connect by the service's engine; return what the server knows about the connection."""
    monkeypatch.setenv("DATABASE_URL", url)
    engine = create_engine(settings.read(DatabaseSettings))
    try:
        async with engine.connect() as connection:
            return tuple((await connection.execute(text(ABOUT))).one())
    finally:
        await engine.dispose()


def url_of(relay: Relay, hosts: str, query: str = "", *, root: str = "ca.pem") -> str:
    """Return a URL that verifies the server, and has a client certificate."""
    database = make_url(relay.url).database
    tls = f"sslmode=verify-full&sslrootcert={relay.directory / root}"
    certificate = f"sslcert={relay.directory / 'client.pem'}"
    return f"postgresql://postgres@{hosts}/{database}?{tls}&{certificate}{query}"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
async def test_private_ca_and_client_certificate_connect(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, host: str, negotiation: str
) -> None:
    port = relay.ports[negotiation]
    query = f"&sslnegotiation={negotiation}&ssl_min_protocol_version=TLSv1.3"
    await connect(monkeypatch, url_of(relay, f"{host}:{port}", query))
    assert relay.subjects == ["app"]


async def test_startup_parameters_reach_server(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"localhost:{relay.ports['postgres']}"
    assert await connect(monkeypatch, url_of(relay, host)) == ("app", '"$user", public')
    query = "&application_name=shop&options=-csearch_path%3Dsales"
    assert await connect(monkeypatch, url_of(relay, host, query)) == ("shop", "sales")
    assert relay.startups[-1]["options"] == "-csearch_path=sales"
    assert {"statement_timeout", "lock_timeout"} <= relay.startups[-1].keys()


async def test_startup_parameters_of_pooled_connection_set_no_timeouts(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    url = url_of(
        relay, f"localhost:{relay.ports['postgres']}", "&pgbouncer=true&connection_limit=1"
    )
    await connect(monkeypatch, url)
    names = {"user", "database", "client_encoding", "application_name"}
    assert relay.startups[-1].keys() == names  # which PgBouncer knows


async def test_server_certificate_of_other_ca_is_rejected(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(relay, f"localhost:{relay.ports['postgres']}", root="other-ca.pem")
    with pytest.raises(Unavailable) as caught:
        await connect(monkeypatch, url)
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.__cause__)
    assert relay.startups == []


@pytest.mark.parametrize("query", ["", "&ssl_max_protocol_version=TLSv1.2"])
async def test_certificates_of_operating_system_are_trusted(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    url = url_of(relay, f"localhost:{relay.ports['postgres']}", query)
    url = url.replace(f"sslrootcert={relay.directory / 'ca.pem'}", "sslrootcert=system")
    with pytest.raises(Unavailable) as caught:
        await connect(monkeypatch, url)
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.__cause__)
    monkeypatch.setenv("SSL_CERT_FILE", str(relay.directory / "ca.pem"))  # of OpenSSL
    await connect(monkeypatch, url)
    assert relay.subjects == ["app"]


async def test_primary_is_found_behind_unavailable_host(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = f"127.0.0.1:{free_port()},localhost:{relay.ports['postgres']}"
    await connect(monkeypatch, url_of(relay, hosts, "&target_session_attrs=read-write"))
    for unsuitable in (hosts, f"localhost:{relay.ports['postgres']}"):  # as during a failover
        with pytest.raises(Unavailable):
            await connect(monkeypatch, url_of(relay, unsuitable, "&target_session_attrs=standby"))


@pytest.mark.parametrize("pooler", ["none", "transaction"])
async def test_statement_without_response_is_cancelled(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, pooler: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url_of(relay, f"localhost:{relay.ports['postgres']}"))
    monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", "0.1")
    monkeypatch.setenv("DATABASE_POOLER", pooler)
    engine = create_engine(settings.read(DatabaseSettings))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        relay.is_silent = True
        with pytest.raises(TimeoutError):
            await connection.execute(text("SELECT 2"))
        await connection.invalidate()
    await engine.dispose()
