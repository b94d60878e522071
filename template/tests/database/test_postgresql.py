"""PostgreSQL: its URLs, its outages, its pooler, and what its migrations would lock."""

import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import settings
from app.__main__ import main
from app.database import ReadSession, Session, flush, lock_references
from app.errors import Invalid
from app.main import create_app
from app.postgresql import DatabaseSettings, Pooler, create_engine, parse_url
from development import postgresql
from tests.support import sample_resource
from tests.support.live_server import Live, lifespan
from tests.support.sample_resource import URL, Jot

ACCEPTED = (
    "prefer-bigint-over-int",  # where more is needed, the model says so
    "prefer-text-field",  # a longer varchar is no rewrite since PostgreSQL 9.2
    "renaming-object",  # an index or a constraint, after its table or column
    "require-lock-timeout",  # `for_migrations` sets both
    "require-statement-timeout",
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+psycopg://h/d", "postgresql+asyncpg://h/d"),
        (
            "postgresql://h/d?sslmode=require&channel_binding=require",
            "postgresql+asyncpg://h/d?ssl=require",
        ),
    ],
)
def test_a_url_is_taken_as_hosts_hand_it_out(given: str, expected: str) -> None:
    assert parse_url(given).render_as_string(hide_password=False) == expected


@pytest.mark.parametrize("given", ["", "hunter2", "mysql://u:hunter2@h/d"])
def test_another_url_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    with pytest.raises(settings.ConfigurationError, match="^DATABASE_URL: ") as caught:
        settings.read(DatabaseSettings)
    assert "hunter2" not in str(caught.value)


def test_a_placeholder_password_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:change-me@db/app")
    assert settings.read(DatabaseSettings).url.username == "app"
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(settings.ConfigurationError, match="DATABASE_URL: its secret"):
        settings.read(DatabaseSettings)


def test_migrations_go_past_the_pooler_and_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler/app")
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://server/app")
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    config = settings.read(DatabaseSettings).for_migrations()
    assert (config.url.host, config.pooler) == ("server", Pooler.NONE)
    assert (config.statement_timeout, config.lock_timeout) == (0, 10)


def test_migrations_that_would_go_through_the_pooler_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler/app")
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    with pytest.raises(settings.ConfigurationError, match="DATABASE_DIRECT_URL") as told:
        settings.read(DatabaseSettings).for_migrations()
    assert "pooler/app" not in str(told.value)


@pytest.mark.parametrize("pooler", list(Pooler))
async def test_a_statement_that_takes_too_long_ends(
    shared_url: str, monkeypatch: pytest.MonkeyPatch, pooler: Pooler
) -> None:
    _ = shared_url
    monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", "0.5")
    monkeypatch.setenv("DATABASE_POOLER", pooler)
    app = create_app()

    @app.get("/sleep")
    async def sleep(session: ReadSession) -> None:
        await session.execute(text("SELECT pg_sleep(5)"))

    async with (
        lifespan(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        assert (await client.get("/sleep")).status_code == 503


async def test_a_busy_pool_is_told_as_unavailable(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    for name, value in {"POOL_SIZE": "1", "MAX_OVERFLOW": "1", "POOL_TIMEOUT": "0.01"}.items():
        monkeypatch.setenv(f"DATABASE_{name}", value)
    app = sample_resource.create_app()
    async with (
        lifespan(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        async with app.state.engine.connect(), app.state.engine.connect():
            refused = await client.get(URL)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert (await client.get(URL)).status_code == 200


async def whence(app: FastAPI) -> list[str]:
    """Name the databases that answer a route that writes, and one that only reads."""

    @app.get("/write")
    async def write(session: Session) -> str | None:
        return await session.scalar(select(func.current_database()))

    @app.get("/read")
    async def read(session: ReadSession) -> str | None:
        return await session.scalar(select(func.current_database()))

    async with (
        lifespan(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        found = [await client.get(path) for path in ("/write", "/read")]
    state = app.state
    engines = [made.kw["bind"] for made in (state.sessions, state.readers, state.replicas)]
    assert [engine.pool.checkedin() for engine in engines] == [0, 0, 0]
    return [answer.raise_for_status().json() for answer in found]


async def test_what_only_reads_asks_the_replica(
    shared_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases = [make_url(url).database for url in (shared_url, empty_url)]
    assert await whence(create_app()) == [databases[0], databases[0]]
    monkeypatch.setenv("DATABASE_READ_URL", empty_url)
    assert await whence(create_app()) == databases


async def test_where_no_replica_answers_the_next_host_is_asked(
    shared_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = make_url(shared_url)
    there = f"{url.query.get('host', url.host)}:{url.port or 5432}"
    hosts = {"host": [f"{tmp_path}:5432", there], "target_session_attrs": "prefer-standby"}
    both = url.set(host=None, port=None, query=hosts)
    monkeypatch.setenv("DATABASE_READ_URL", both.render_as_string(hide_password=False))
    assert await whence(create_app()) == [url.database, url.database]


@pytest.mark.usefixtures("listed_jots")
async def test_a_reference_to_what_has_just_gone_is_refused(session: AsyncSession) -> None:
    session.add(Jot(**sample_resource.payload(), follows_id=uuid4()))
    with pytest.raises(Invalid) as refused:
        await flush(session)
    assert [error.location for error in refused.value.errors] == ["body.follows_id"]
    await session.rollback()


async def test_what_is_referred_to_may_be_changed_but_not_removed(live: Live) -> None:
    sessions = live.app.state.sessions
    async with sessions() as referring, sessions() as other:
        kept = await sample_resource.make(referring)
        await lock_references(referring, Jot, {"follows_id": kept.id})
        found = select(Jot.id)
        to_change = found.with_for_update(nowait=True, key_share=True)
        assert await other.scalar(to_change) == kept.id
        with pytest.raises(DBAPIError):
            await other.execute(found.with_for_update(nowait=True))


@pytest.fixture
async def outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[FastAPI, Path], None]:
    """Build the service on a server that is not there yet."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@/postgres?host={tmp_path}")
    monkeypatch.setattr("app.health.CACHE_SECONDS", 0)
    app = sample_resource.create_app()
    async with lifespan(app):
        yield app, tmp_path


async def test_a_server_that_is_not_there_costs_readiness(outage: tuple[FastAPI, Path]) -> None:
    app, _ = outage
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        told = await client.get("/health/ready")
    assert (told.status_code, told.json()["detail"]) == (503, "Unavailable: database.")


@pytest.mark.drill
async def test_an_outage_costs_readiness_and_ends_by_itself(outage: tuple[FastAPI, Path]) -> None:
    app, directory = outage

    async def probe() -> tuple[int, int, int]:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
            paths = ("/health/live", "/health/ready", URL)
            live, ready, listed = [(await client.get(path)).status_code for path in paths]
        return live, ready, listed

    assert await probe() == (200, 503, 503)
    for _ in range(2):
        with postgresql.running_in(directory / "data", directory, postgresql.LOST):
            assert (await probe())[:2] == (200, 200)
        assert await probe() == (200, 503, 503)


def test_migrations_lock_nothing_for_long(
    shared_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    assert main(["migrate", "--sql"]) == 0
    squawk = str(Path(sys.executable).with_name("squawk"))
    command = [squawk, "--exclude", ",".join(ACCEPTED)]
    sql = capsys.readouterr().out
    told = subprocess.run(command, input=sql, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


async def test_a_pooled_engine_prepares_nothing_that_outlives_a_transaction(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    engine = create_engine(settings.read(DatabaseSettings))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1 WHERE 1 = :one"), {"one": 1})
        kept = await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    await engine.dispose()
    assert kept == 1  # this very question


def test_databases_are_made_beside_the_one_that_is_named(
    database_server: str, empty_url: str
) -> None:
    assert empty_url != database_server
