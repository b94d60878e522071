"""Tests of PostgreSQL: URLs, timeouts, outages, poolers, replicas, locks."""

import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, RemoteProtocolError
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import StreamingResponse

from app import settings
from app.__main__ import main
from app.checks import check
from app.database import ReadSession, Session, StreamSession, flush, lock_references
from app.errors import Invalid, Unavailable
from app.main import create_app
from app.migrate import MigrationError, migrate
from app.postgresql import (
    ASCII_ONLY,
    OTHER_ORDER,
    DatabaseSettings,
    Pooler,
    create_engine,
    locale_problems,
    sort_order_notes,
)
from development import postgresql
from tests.support import sample_resource
from tests.support.live_server import Live, calling, lifespan, serving
from tests.support.sample_resource import URL, Jot

IGNORED_RULES = (  # of squawk
    "prefer-bigint-over-int",  # the model chooses the size
    "prefer-text-field",  # PostgreSQL 9.2 and later widen varchar without a rewrite
    "renaming-object",  # indexes and constraints, after their table or column
    "renaming-column",  # of clients: `docs/extending.md` says in which release to drop and rename
    "renaming-table",
    "ban-drop-column",
    "ban-drop-constraint",
    "ban-drop-default",
    "ban-drop-not-null",
    "ban-drop-table",
    "adding-required-field",  # `steps.require_empty` checks the rows
    "require-concurrent-index-deletion",  # fast; `lock_timeout` bounds the wait
    "require-lock-timeout",  # `for_migrations` sets both
    "require-statement-timeout",
)

LENGTHENED = re.compile(r"^ALTER TABLE .* TYPE (VARCHAR\(\d+\)|TEXT);$", re.MULTILINE)  # no rewrite
FIX = (
    "Avoid the lock: add a column, copy the values in batches, and drop the old column in a later"
    " release. If the table is small, add the rule to IGNORED_RULES."
)


@pytest.mark.parametrize(
    ("options", "problems", "notes"),
    [
        ("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'", [], []),
        ("LOCALE_PROVIDER libc LOCALE 'C'", [ASCII_ONLY], []),
        ("LOCALE_PROVIDER icu ICU_LOCALE 'en'", [], [OTHER_ORDER]),
    ],
    ids=["builtin", "c", "icu"],
)
async def test_check_reports_locale_of_database(
    database_server: str,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    problems: list[str],
    notes: list[str],
) -> None:
    monkeypatch.setattr(postgresql, "LOCALE", f"TEMPLATE template0 ENCODING UTF8 {options}")
    try:
        url = await postgresql.create(database_server)
    except asyncpg.FeatureNotSupportedError:
        pytest.skip("The embedded server is built without ICU; the container image has it.")
    engine = create_engine(DatabaseSettings(url=make_url(url)))
    async with engine.connect() as connection:
        assert await locale_problems(connection) == problems
        assert await sort_order_notes(connection) == notes
    await engine.dispose()
    await postgresql.drop(url)


@pytest.mark.parametrize("url", ["", "hunter2", "mysql://u:hunter2@h/d"])
def test_invalid_database_url_error_hides_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(settings.ConfigurationError, match="^DATABASE_URL: ") as caught:
        settings.read(DatabaseSettings)
    assert "hunter2" not in str(caught.value)


def test_placeholder_database_password_is_rejected_in_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:change-me@db/app")
    assert settings.read(DatabaseSettings).url.username == "app"
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(settings.ConfigurationError, match="DATABASE_URL: its secret"):
        settings.read(DatabaseSettings)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://app:app@db/app", "its secret is a placeholder"),
        ("postgresql://app@db/app", "It has no password"),
        ("postgresql://app:@db/app", "It has no password"),
        ("postgresql://app@localhost,db/app", "It has no password"),
        ("postgresql://app@/app?host=a:5432&host=b:5432", "It has no password"),
    ],
)
def test_default_or_empty_database_password_is_rejected_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, problem: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("PGPASSFILE", "PGPASSWORD", "PGSSLCERT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DATABASE_URL", url)
    assert settings.read(DatabaseSettings).url.username == "app"
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(settings.ConfigurationError, match=f"^DATABASE_URL: {problem}"):
        settings.read(DatabaseSettings)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:a-long-word@db/app",
        "postgresql://app@/app?host=/run/postgresql",
        "postgresql://app@127.0.0.1/app",
        "postgresql://app@127.0.0.1,localhost/app",
        "postgresql://app@db/app?passfile=/run/pgpass",
        "postgresql://db/app?user=app&service=shop",
    ],
)
def test_password_or_local_database_is_accepted_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    (tmp_path / ".pg_service.conf").write_text("[shop]\nport=5433\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert settings.read(DatabaseSettings).url.username == "app"


@pytest.mark.parametrize("variable", ["PGPASSWORD", "PGPASSFILE"])
def test_database_password_may_come_from_variable_of_client(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db/app")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv(variable, "a-long-word")
    assert settings.read(DatabaseSettings).url.username == "app"


def test_migrations_bypass_pooler_and_statement_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler/app")
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://server/app")
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    config = settings.read(DatabaseSettings).for_migrations()
    assert (config.url.host, config.pooler) == ("server", Pooler.NONE)
    assert (config.statement_timeout, config.lock_timeout) == (0, 10)


def test_migrations_require_direct_url_behind_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler/app")
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    with pytest.raises(settings.ConfigurationError, match="DATABASE_DIRECT_URL") as caught:
        settings.read(DatabaseSettings).for_migrations()
    assert "pooler/app" not in str(caught.value)


@asynccontextmanager
async def lock_revisions(url: str) -> AsyncGenerator[None, None]:
    """Lock the table of Alembic's revision while the context is open."""
    engine = create_engine(DatabaseSettings(url=make_url(url)))
    async with engine.begin() as connection:
        await connection.execute(text("LOCK TABLE alembic_version"))
        yield
    await engine.dispose()


@pytest.mark.parametrize("pooler", list(Pooler))
async def test_statement_timeout_returns_503(
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


async def test_lock_timeout_returns_503(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT", "0.1")
    app = create_app()

    @app.get("/locked")
    async def locked(session: ReadSession) -> None:
        await session.execute(text("SELECT * FROM alembic_version"))

    async with (
        lock_revisions(database_url),
        lifespan(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        assert (await client.get("/locked")).status_code == 503


async def test_migration_that_waits_for_lock_is_rolled_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT", "0.1")
    async with lock_revisions(database_url):
        with pytest.raises(MigrationError, match=r"lock timeout\. .* run it again\.$"):
            await migrate()


async def test_exhausted_connection_pool_returns_503_with_retry_after(
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
            response = await client.get(URL)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert (await client.get(URL)).status_code == 200


async def test_too_many_connections_raise_unavailable(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"limited_{uuid4().hex}"
    engine = create_engine(settings.read(DatabaseSettings))
    url = make_url(shared_url).set(username=role, password=role)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    limited = create_engine(settings.read(DatabaseSettings))
    async with engine.connect() as connection:
        options = f"LOGIN CONNECTION LIMIT 0 PASSWORD '{role}'"
        await connection.execute(text(f"CREATE ROLE {role} {options}"))
        await connection.commit()
        with pytest.raises(Unavailable):
            async with limited.connect():
                pass
        await connection.execute(text(f"DROP ROLE {role}"))
        await connection.commit()
    await limited.dispose()
    await engine.dispose()


async def databases_of(app: FastAPI) -> list[str]:
    """Return the names of the databases that a writing and a reading route use."""

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
        responses = [await client.get(path) for path in ("/write", "/read")]
    state = app.state
    sessions = (state.sessions, state.readers, state.replicas)
    engines = [maker.kw["bind"] for maker in sessions]
    assert [engine.pool.checkedin() for engine in engines] == [0, 0, 0]
    return [response.raise_for_status().json() for response in responses]


async def test_read_sessions_use_replica(
    shared_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases = [make_url(url).database for url in (shared_url, empty_url)]
    assert await databases_of(create_app()) == [databases[0], databases[0]]
    monkeypatch.setenv("DATABASE_READ_URL", empty_url)
    assert await databases_of(create_app()) == databases


async def test_check_connects_to_server_replica_and_direct_url(
    shared_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_READ_URL", shared_url)
    monkeypatch.setenv("DATABASE_DIRECT_URL", shared_url)
    assert await check() == 0
    for name in ("DATABASE_URL", "DATABASE_READ_URL", "DATABASE_DIRECT_URL"):
        with monkeypatch.context() as patch:
            patch.setenv(name, f"postgresql://postgres:hunter2@/postgres?host={tmp_path}")
            assert await check() == 1
        output = capsys.readouterr().err
        assert f"✗ {name}: unavailable (FileNotFoundError" in output
        assert "hunter2" not in output


async def test_unavailable_replica_falls_back_to_next_host(
    shared_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = make_url(shared_url)
    host = f"{url.query.get('host', url.host)}:{url.port or 5432}"
    hosts = {"host": [f"{tmp_path}:5432", host], "target_session_attrs": "prefer-standby"}
    both = url.set(host=None, port=None, query=hosts)
    monkeypatch.setenv("DATABASE_READ_URL", both.render_as_string(hide_password=False))
    assert await databases_of(create_app()) == [url.database, url.database]


@pytest.mark.usefixtures("jots_in_metadata")
async def test_unknown_reference_error_names_referenced_resource(session: AsyncSession) -> None:
    session.add(Jot(**sample_resource.payload(), follows_id=uuid4()))
    with pytest.raises(Invalid, match="^Referenced jot does not exist.$") as caught:
        await flush(session)
    assert [error.location for error in caught.value.errors] == ["body.follows_id"]
    await session.rollback()


async def test_lock_references_blocks_delete_but_allows_update(live: Live) -> None:
    sessions = live.app.state.sessions
    async with sessions() as session, sessions() as other:
        jot = await sample_resource.make(session)
        await lock_references(session, Jot, {"follows_id": jot.id})
        ids = select(Jot.id)
        for_no_key_update = ids.with_for_update(nowait=True, key_share=True)
        assert await other.scalar(for_no_key_update) == jot.id
        with pytest.raises(DBAPIError):
            await other.execute(ids.with_for_update(nowait=True))


@pytest.fixture
async def outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[FastAPI, Path], None]:
    """Start the service while its database server is not running."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@/postgres?host={tmp_path}")
    monkeypatch.setattr("app.health.CACHE_SECONDS", 0)
    app = sample_resource.create_app()
    async with lifespan(app):
        yield app, tmp_path


async def test_unavailable_database_server_fails_readiness(outage: tuple[FastAPI, Path]) -> None:
    app, _ = outage
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()["detail"]) == (503, "Unavailable: database.")


@pytest.mark.drill
async def test_service_recovers_from_database_outage_without_restart(
    outage: tuple[FastAPI, Path],
) -> None:
    app, directory = outage

    async def probe() -> tuple[int, int, int]:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
            paths = ("/health/live", "/health/ready", URL)
            live, ready, listed = [(await client.get(path)).status_code for path in paths]
        return live, ready, listed

    assert await probe() == (200, 503, 503)
    for _ in range(2):
        with postgresql.running_in(directory / "data", directory, postgresql.UNSAFE):
            assert (await probe())[:2] == (200, 200)
        assert await probe() == (200, 503, 503)


async def test_stream_whose_connection_is_killed_ends_without_last_chunk(
    shared_url: str,
) -> None:
    async def kill(session: StreamSession) -> StreamingResponse:
        async def parts() -> AsyncGenerator[str, None]:
            yield "part"
            await session.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))
            yield "never"

        return StreamingResponse(parts())

    _ = shared_url
    app = create_app()
    app.get("/killed")(kill)
    async with serving(app) as port, calling(port) as client:
        with pytest.raises(RemoteProtocolError, match="incomplete chunked read"):
            await client.get("/killed")
        assert (await client.get("/health/ready")).status_code == 200


def test_migrations_violate_no_squawk_lock_rules(
    shared_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    assert main(["migrate", "--sql"]) == 0
    squawk = str(Path(sys.executable).with_name("squawk"))
    command = [squawk, "--exclude", ",".join(IGNORED_RULES)]
    sql = LENGTHENED.sub("", capsys.readouterr().out)
    run = subprocess.run(command, input=sql, check=False, capture_output=True, text=True)
    assert run.returncode == 0, f"{run.stdout}\n{FIX}"


async def test_engine_for_pooler_leaves_no_prepared_statements(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    engine = create_engine(settings.read(DatabaseSettings))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1 WHERE 1 = :one"), {"one": 1})
        number = await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    await engine.dispose()
    assert number == 1  # the count itself


def test_tests_create_their_own_databases(database_server: str, empty_url: str) -> None:
    assert empty_url != database_server


@pytest.mark.parametrize("missing", ["database", "server"])
def test_migrate_without_connection_exits_with_one_line(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    missing: str,
) -> None:
    url = make_url(database_url).set(database="absent")
    url = url if missing == "database" else url.update_query_dict({"host": str(tmp_path)})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    assert main(["migrate"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: database: unavailable (")
    assert "Traceback" not in error
