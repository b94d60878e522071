"""What the tests share: a database of their own, the service, and a client.

`client` calls the service in a transaction that is rolled back when the test ends: what the service
commits is a savepoint. `live` is the service behind a real socket, on a database of its own, for
what must really commit: every table is emptied when the test ends. `shared_url` is for tests that
only read, or never connect; `database_url` is a copy for the one test.

What all resources share is tested with one that is in every service: `jot_client` is `client`, but
serves jots too, as `live` does; see `tests.jots`.

`TEST_DATABASE_URL` names a server to use instead of the embedded one; the tests make databases of
their own there, and touch no other.
"""

import logging
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.checks import kinds
from app.main import create_app
from app.migrate import create, migrate
from app.models import Base
from app.settings import EnvironmentSettings
from development import databases
from tests import jots, tables
from tests.serving import Live, calling, serving


@pytest.fixture(scope="session", autouse=True)
def environment() -> Generator[pytest.MonkeyPatch, None, None]:
    """Configure the service as for a test, whatever the shell and `.env` say."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # the tests' own client
    with pytest.MonkeyPatch.context() as patch:
        for kind in kinds(EnvironmentSettings):
            for field in kind.model_fields:
                prefix = kind.model_config.get("env_prefix", "")
                patch.delenv(f"{prefix}{field}".upper(), raising=False)
        patch.setenv("ENVIRONMENT", "test")
        patch.setenv("ENV_FILE", "")
        yield patch


@pytest.fixture(scope="session")
def database_server() -> Generator[str, None, None]:
    """Name a server on which databases may be made."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
    else:
        with databases.throwaway() as url:
            yield url


@pytest.fixture(scope="session")
async def migrated(
    environment: pytest.MonkeyPatch, database_server: str
) -> AsyncGenerator[str, None]:
    """Make a database at the newest revision, and jots in it, for copies only."""
    url = await databases.create(database_server)
    with environment.context() as patch:
        patch.setenv("DATABASE_URL", url)
        await migrate()
        engine = create()
    async with engine.begin() as connection:
        await connection.run_sync(jots.JotBase.metadata.create_all)
    await engine.dispose()
    yield url
    await databases.drop(url)


@pytest.fixture(scope="session")
async def empty_url(database_server: str) -> AsyncGenerator[str, None]:
    """Make a database in which there is nothing, for tests that leave it so."""
    url = await databases.create(database_server)
    yield url
    await databases.drop(url)


@pytest.fixture(scope="session")
async def shared_url(environment: pytest.MonkeyPatch, migrated: str) -> AsyncGenerator[str, None]:
    """Copy the database for all tests that leave it as they find it; name it in the environment."""
    url = await databases.clone(migrated)
    environment.setenv("DATABASE_URL", url)
    yield url
    await databases.drop(url)


@pytest.fixture(scope="session")
async def app(shared_url: str) -> AsyncGenerator[FastAPI, None]:
    """Run the service, within this process."""
    _ = shared_url
    made = create_app()
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def session(app: FastAPI) -> AsyncGenerator[AsyncSession, None]:
    """Give a session in the transaction that the service uses too, and undo everything after."""
    async with app.state.engine.connect() as connection:
        transaction = await connection.begin()
        sessions = async_sessionmaker(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        kept = app.state.sessions, app.state.readers
        app.state.sessions = app.state.readers = sessions
        async with sessions() as opened:
            yield opened
        app.state.sessions, app.state.readers = kept
        await transaction.rollback()


@pytest.fixture
async def client(app: FastAPI, session: AsyncSession) -> AsyncGenerator[AsyncClient, None]:
    """Call the service; what it commits is gone after the test."""
    _ = session
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as made:
        yield made


@pytest.fixture(scope="session")
def jot_app(app: FastAPI) -> FastAPI:
    """Give the service that runs a second face, which shows jots too."""
    made = jots.create_app()
    made.state = app.state
    return made


@pytest.fixture
async def jot_client(jot_app: FastAPI, session: AsyncSession) -> AsyncGenerator[AsyncClient, None]:
    """Call the service that serves jots too; what it commits is gone after the test."""
    _ = session
    async with AsyncClient(transport=ASGITransport(jot_app), base_url="http://test") as made:
        yield made


@pytest.fixture
def listed_jots() -> Generator[None, None, None]:
    """List the jots' table among the service's."""
    table = jots.JotBase.metadata.tables["jots"].to_metadata(Base.metadata)
    yield
    Base.metadata.remove(table)


@pytest.fixture
async def database_url(migrated: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str, None]:
    """Copy the database for one test, and name the copy in the environment."""
    url = await databases.clone(migrated)
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    await databases.drop(url)


@pytest.fixture(scope="session")
async def listening(
    environment: pytest.MonkeyPatch, migrated: str
) -> AsyncGenerator[tuple[FastAPI, int], None]:
    """Serve, jots too, on a real socket, and on a database of its own."""
    url = await databases.clone(migrated)
    async with AsyncExitStack() as stack:
        with environment.context() as patch:
            patch.setenv("DATABASE_URL", url)
            made = jots.create_app()
            port = await stack.enter_async_context(serving(made))
        yield made, port
    await databases.drop(url)


@pytest.fixture
async def live(listening: tuple[FastAPI, int]) -> AsyncGenerator[Live, None]:
    """Call the service that listens, and empty its tables after."""
    made, port = listening
    async with calling(port) as client:
        yield Live(made, client)
    async with made.state.engine.begin() as connection:
        for metadata in (Base.metadata, jots.JotBase.metadata):
            await tables.empty(connection, metadata)
