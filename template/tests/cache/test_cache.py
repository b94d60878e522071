"""Tests of the cache: hits, invalidation, TTL, eviction, single-flight, Valkey outages."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter, computed_field
from redis.asyncio import Redis
from sqlalchemy import Column, ForeignKey, Table, Uuid, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import settings
from app.cache import Cached, CacheSettings, invalidation, stores, values
from app.cache.invalidation import changed_tables
from app.cache.stores import OVERHEAD, MemoryStore
from app.changes import Change, Kind
from app.models.base import Base
from app.settings import ConfigurationError
from development import databases
from development.memory import shared_memory
from development.valkey import running_in, url
from tests.support import sample_resource, valkey
from tests.support.cache import JOTS, TITLES, CachedService, ServiceFactory, load, service_factory
from tests.support.query_count import selects
from tests.support.sample_resource import Jot
from tests.support.timeouts import DEADLINE, wait_until

pytestmark = pytest.mark.usefixtures("json_logs")

STRING = TypeAdapter(str)


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Run a Valkey server; return its URL."""
    with valkey.server() as address:
        yield address


@pytest.fixture
def directory() -> Generator[Path, None, None]:
    """Create a data directory for a Valkey server that the test restarts."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as path:
        yield Path(path)


@pytest.fixture
def make_service(monkeypatch: pytest.MonkeyPatch, database_url: str) -> ServiceFactory:
    """Return a function that starts cached services on a database of this test."""
    return service_factory(monkeypatch, database_url)


@pytest.fixture(scope="module")
async def services(
    server: str, migrated_url: str
) -> AsyncGenerator[dict[str, CachedService], None]:
    """Run three services on one database: one caches in memory, two share a Valkey."""
    database = await databases.clone(migrated_url)
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", database)
            make = service_factory(patch, database)
            running = {"memory": await stack.enter_async_context(make())}
            for name in ("valkey", "another"):
                running[name] = await stack.enter_async_context(make(URL=server))
        yield running
    await databases.drop(database)


@pytest.fixture(params=["memory", "valkey"])
async def service(
    request: pytest.FixtureRequest, services: dict[str, CachedService]
) -> CachedService:
    """Return a service with an empty cache, in memory or in Valkey."""
    service = services[request.param]
    await service.reset()
    return service


@pytest.fixture
async def shared(services: dict[str, CachedService]) -> tuple[CachedService, CachedService]:
    """Return two services that share an empty cache in Valkey."""
    await services["valkey"].reset()
    return services["valkey"], services["another"]


@pytest.fixture
async def client(server: str) -> AsyncGenerator[Redis, None]:
    """Connect to the Valkey server that the services share."""
    async with Redis.from_url(server) as connected:
        yield connected


# ── Hits, invalidation, TTL and eviction ──────────────────────────────────────────────────────────


async def test_cache_hit_does_not_query(service: CachedService) -> None:
    await service.add("one")
    with selects(service.app) as seen:
        assert [await service.titles() for _ in range(3)] == [["one"]] * 3
    assert len(seen) == 1


async def test_commit_invalidates_cached_value(service: CachedService) -> None:
    for number in range(1, 4):
        await service.add(f"{number}")
        assert len(await service.titles()) == number


async def test_uncommitted_change_does_not_invalidate_cached_value(service: CachedService) -> None:
    await service.titles()
    with selects(service.app) as seen:
        async with service.app.state.sessions.begin() as session:
            session.add(Jot(title="one"))
            await session.flush()
            assert await service.titles() == []
            await session.rollback()
        assert await service.titles() == []
    assert seen == []


async def test_bulk_statement_invalidates_cached_value(service: CachedService) -> None:
    await service.add("one")
    assert await service.titles() == ["one"]
    async with service.app.state.sessions.begin() as session:
        await session.execute(delete(Jot))
    assert await service.titles() == []


async def test_forget_invalidates_values_changed_by_raw_sql(service: CachedService) -> None:
    assert await service.titles() == []
    async with service.app.state.engine.begin() as connection:
        await connection.execute(JOTS.insert(), {"title": "one"})
    assert await service.titles() == []
    service.values.forget(Jot)
    assert await service.titles() == ["one"]


async def test_load_started_before_commit_caches_no_stale_value(service: CachedService) -> None:
    has_read, may_finish = asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession) -> list[str]:
        stale = await load(session)
        has_read.set()
        await may_finish.wait()
        return stale

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as readers:
        reader = readers.create_task(service.values.get(TITLES, slow))
        await has_read.wait()
        await service.add("one")
        assert await service.titles() == ["one"]  # does not wait for the reader
        may_finish.set()
    assert reader.result() == []
    assert await service.titles() == ["one"]


async def test_functions_with_different_keys_cache_separate_values(service: CachedService) -> None:
    async def get(*key: object) -> str:
        async def write(_: AsyncSession) -> str:
            return repr(key)

        return await service.values.get(Cached("strings", STRING, (), 60), write, *key)

    for key in [(), ("a",), ("a", "b"), ("a,b",), (1,), ("1",), (None,)]:
        assert await get(*key) == repr(key)


async def test_cached_value_of_other_type_is_a_cache_miss(service: CachedService) -> None:
    async def number(_: AsyncSession) -> int:
        return 1

    async def string(_: AsyncSession) -> int | str:
        return "one"

    assert await service.values.get(Cached("same", TypeAdapter(int), (), 60), number) == 1
    newer = Cached("same", TypeAdapter(int | str), (), 60)
    assert await service.values.get(newer, string) == "one"


async def test_value_over_size_limit_is_not_cached(service: CachedService) -> None:
    kind = Cached("large", STRING, (), 60)
    computed = []

    async def write(_: AsyncSession) -> str:
        computed.append(length)
        return "x" * length

    largest = (1 << 20) - 2  # and two quotes
    for length in (largest, largest + 1) * 2:
        assert await service.values.get(kind, write, length) == "x" * length
    assert computed == [largest, largest + 1, largest + 1]


class Aliased(BaseModel, extra="forbid"):
    """Value whose serialized JSON differs from the JSON that it is parsed from."""

    kind: str = Field(alias="class")

    @computed_field
    def length(self) -> int:
        """Length of `kind` in characters."""
        return len(self.kind)


async def test_value_with_alias_and_computed_field_is_cached(service: CachedService) -> None:
    computed = []

    async def compute(_: AsyncSession) -> Aliased:
        computed.append(1)
        return Aliased.model_validate({"class": "a"})

    for _ in range(2):
        value = await service.values.get(Cached("aliased", TypeAdapter(Aliased), (), 60), compute)
        assert value.kind == "a"
    assert len(computed) == 1


async def test_failed_load_caches_nothing(service: CachedService) -> None:
    async def fail(_: AsyncSession) -> list[str]:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await service.values.get(TITLES, fail)
    assert await service.titles() == []


async def test_load_lock_is_released_after_success_and_failure(
    shared: tuple[CachedService, CachedService], client: Redis
) -> None:
    async def fail(_: AsyncSession) -> list[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shared[0].values.get(TITLES, fail)
    assert not await client.exists(await lock_of_titles(shared[0]))
    await shared[0].titles()
    assert not await client.exists(await lock_of_titles(shared[0]))


def test_ttl_is_randomized_by_jitter() -> None:
    seconds = [TITLES.ttl() for _ in range(1000)]
    assert 54 <= min(seconds) < 57
    assert 63 < max(seconds) <= 66


async def test_cached_value_expires_after_its_ttl(
    shared: tuple[CachedService, CachedService], client: Redis
) -> None:
    service, _ = shared
    await service.titles()
    assert 0 < await client.pttl(key_of_titles(service)) <= 66_000


@pytest.mark.parametrize("method", ["set", "set_if_absent"])
async def test_valkey_entry_expires_after_its_ttl(
    shared: tuple[CachedService, CachedService], client: Redis, method: str
) -> None:
    key = f"{key_of_titles(shared[0])}:{method}"
    await getattr(shared[0].values.store, method)(key, b"", 86_400)
    assert 86_340_000 < await client.pttl(key) <= 86_400_000


async def test_memory_store_evicts_least_recently_used() -> None:
    store = MemoryStore(max_bytes=3 * (OVERHEAD + 10))
    for key in ("a", "b", "c"):
        await store.set(key, b"x" * 10, 60)
    await store.read("a")
    await store.set("d", b"x" * 10, 60)
    assert [value is not None for value in await store.read("a", "b", "c", "d")] == [
        True,
        False,
        True,
        True,
    ]
    await store.set("e", b"x" * 10_000, 60)
    assert await store.read("a", "c", "d", "e") == [None] * 4
    assert store.used == 0


async def test_memory_store_counts_replaced_entry_bytes_once() -> None:
    store = MemoryStore(max_bytes=2 * (OVERHEAD + 10))
    for key in ("a", "b", "a"):
        await store.set(key, b"x" * 10, 60)
    assert await store.read("a", "b") == [b"x" * 10] * 2
    for _ in range(2):
        await store.delete("a")
    assert await store.read("a", "b") == [None, b"x" * 10]
    assert store.used == OVERHEAD + 10
    await store.aclose()
    assert await store.read("b") == [None]


async def test_memory_store_expires_entries() -> None:
    store = MemoryStore(max_bytes=10_000)
    await store.set("a", b"x", -1)
    assert await store.read("a") == [None]
    assert await store.set_if_absent("a", b"y", 60)
    assert not await store.set_if_absent("a", b"z", 60)
    assert await store.read("a") == [b"y"]


async def test_delete_invalidates_tables_that_reference_deleted_row(
    jots_in_metadata: None,
) -> None:
    _ = jots_in_metadata
    rules = {"jot_marks": "CASCADE", "jot_notes": "SET NULL", "jot_holds": "RESTRICT"}
    tables = [
        Table(name, Base.metadata, Column("id", Uuid, ForeignKey("jots.id", ondelete=rule)))
        for name, rule in rules.items()
    ]
    columns = [  # of a table that references another one and itself
        Column(name, Uuid, ForeignKey(target, ondelete="CASCADE"))
        for name, target in [("id", "jot_marks.id"), ("follows_id", "jot_mark_texts.id")]
    ]
    tables.append(Table("jot_mark_texts", Base.metadata, *columns))
    deleted, updated = (
        set(changed_tables(Change("jots", kind))) for kind in (Kind.DELETED, Kind.UPDATED)
    )
    for table in tables:
        Base.metadata.remove(table)
    assert deleted == {"jots", "jot_marks", "jot_mark_texts", "jot_notes"}
    assert updated == {"jots"}


# ── Single-flight, against stampedes ──────────────────────────────────────────────────────────────


async def test_concurrent_cache_misses_load_value_once(
    service: CachedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.add("one")
    await service.titles()
    service.values.forget(Jot)
    locked = record_calls(monkeypatch, service.values.store, "set_if_absent")
    with selects(service.app) as seen:
        titles = await asyncio.gather(*(service.titles() for _ in range(100)))
    assert titles == [["one"]] * 100
    assert len(seen) == 1
    assert len(locked) == 1
    assert service.values.flights == {}


def record_calls(patch: pytest.MonkeyPatch, thing: object, *names: str) -> list[str]:
    """Record the names of an object's methods as they are called."""
    called: list[str] = []

    def recorded(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            called.append(name)
            return method(*arguments, **options)

        return call

    for name in names:
        patch.setattr(thing, name, recorded(name, getattr(thing, name)))
    return called


async def test_concurrent_callers_receive_separate_objects(service: CachedService) -> None:
    each = (service.values.get(TITLES, load) for _ in range(2))
    one, other = await asyncio.gather(*each)
    assert one is not other


async def test_cancelled_first_caller_does_not_cancel_load_for_others(
    service: CachedService,
) -> None:
    may_finish = asyncio.Event()

    async def slow(session: AsyncSession) -> list[str]:
        await may_finish.wait()
        return await load(session)

    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(service.values.get(TITLES, slow)) for _ in range(2))
        await wait_until(lambda: service.values.flights)
        first.cancel()
        may_finish.set()
    assert second.result() == []


async def test_concurrent_cache_misses_in_two_processes_load_value_once(
    shared: tuple[CachedService, CachedService], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, locked = [], []
    set_if_absent = stores.ValkeyStore.set_if_absent

    async def recording(store: stores.ValkeyStore, key: str, value: bytes, seconds: float) -> bool:
        is_set = await set_if_absent(store, key, value, seconds)
        if key.startswith(key_of_titles(shared[0])):
            locked.append(is_set)
        return is_set

    async def slow(session: AsyncSession) -> list[str]:
        loads.append(1)
        await wait_until(lambda: len(locked) == len(shared))  # the other process joins meanwhile
        return await load(session)

    monkeypatch.setattr(stores.ValkeyStore, "set_if_absent", recording)

    each = [service.values.get(TITLES, slow) for service in shared for _ in range(50)]
    assert await asyncio.gather(*each) == [[]] * 100
    assert len(loads) == 1


async def test_load_lock_left_by_dead_process_delays_load_briefly(
    shared: tuple[CachedService, CachedService], client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, _ = shared
    monkeypatch.setattr(values, "WAIT", 0.1)
    await client.set(await lock_of_titles(service), b"", ex=60)
    await client.set(key_of_titles(service), await stamp_of_titles(service) + b"{")
    assert await service.titles() == []


async def test_released_load_lock_without_value_ends_wait(
    shared: tuple[CachedService, CachedService], client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, _ = shared
    await client.set(await lock_of_titles(service), b"")
    read = record_calls(monkeypatch, service.values.store, "read")
    async with asyncio.timeout(DEADLINE / 2), asyncio.TaskGroup() as group:
        waiting = group.create_task(service.titles())
        await wait_until(lambda: len(read) > 2)
        await client.delete(await lock_of_titles(service))
    assert waiting.result() == []


# ── Several processes, and outages of Valkey ──────────────────────────────────────────────────────


def key_of_titles(service: CachedService) -> str:
    return f"{service.values.versions.prefix}:value:{TITLES.key_of()}"


async def stamp_of_titles(service: CachedService) -> bytes:
    stamp, _ = await service.values.versions.current(key_of_titles(service), TITLES.tables)
    return stamp


async def lock_of_titles(service: CachedService) -> str:
    return f"{key_of_titles(service)}:{(await stamp_of_titles(service)).hex()}"


async def test_processes_share_cached_values_and_invalidations(
    shared: tuple[CachedService, CachedService],
) -> None:
    one, other = shared
    await one.add("one")
    assert await one.titles() == ["one"]
    with selects(other.app) as seen:
        assert await other.titles() == ["one"]
    assert seen == []
    await other.add("two")
    assert await one.titles() == ["one", "two"]


async def test_response_waits_until_cache_invalidation_is_published(
    shared: tuple[CachedService, CachedService], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = shared
    await other.titles()
    delay_writes(one, monkeypatch)
    await one.add("one")
    assert await other.titles() == ["one"]


async def test_cache_read_waits_for_pending_invalidation(
    shared: tuple[CachedService, CachedService], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, _ = shared
    await service.titles()
    delay_writes(service, monkeypatch)
    async with service.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
    assert await service.titles() == ["one"]


def delay_writes(service: CachedService, patch: pytest.MonkeyPatch) -> None:
    """Delay the writes to Valkey that invalidate a service's cached values."""
    write = service.values.store.write

    async def delayed(entries: Mapping[str, bytes]) -> None:
        await asyncio.sleep(0.1)
        await write(entries)

    patch.setattr(service.values.store, "write", delayed)


async def test_startup_invalidates_all_cached_values(
    make_service: ServiceFactory, server: str
) -> None:
    async with make_service(URL=server) as service:
        assert await service.titles() == []
        async with service.app.state.engine.begin() as connection:  # as a migration does
            await connection.execute(JOTS.insert(), {"title": "one"})
    async with make_service(URL=server) as service:
        assert await service.titles() == ["one"]


@pytest.mark.parametrize("corrupt", [b"{", b'[1, "x"', b"\xff", b'{"a": 1}', b"[1]"])
async def test_corrupt_valkey_entry_is_loaded_again(
    shared: tuple[CachedService, CachedService], client: Redis, corrupt: bytes
) -> None:
    service, _ = shared
    await service.titles()
    for entry in (await stamp_of_titles(service) + corrupt, corrupt, b""):
        await client.set(key_of_titles(service), entry)
        assert await service.titles() == []


async def test_evicted_table_version_invalidates_values(
    shared: tuple[CachedService, CachedService], client: Redis
) -> None:
    service, _ = shared
    await service.titles()
    await client.delete(f"{service.values.versions.prefix}:generation:jots")
    with selects(service.app) as seen:
        await asyncio.gather(*(service.titles() for _ in range(10)))
        await service.titles()
    assert len(seen) == 1


def cache_events(output: str, level: str) -> list[str]:
    """Return the cache events that the service logged at a level."""
    lines = [json.loads(line) for line in output.splitlines()]
    names = [line["event"] for line in lines if "logger" not in line and line["level"] == level]
    return [name for name in names if name.startswith("cache_")]


async def concurrent_titles(service: CachedService, times: int = 5) -> list[str]:
    """Request the cached titles of all jots several times concurrently."""
    responses = await asyncio.gather(*(service.titles() for _ in range(times)))
    return responses[0]


async def request_until_written(service: CachedService, commands: list[str], times: int) -> None:
    """Request the cached titles until the service has written to Valkey `times` times."""
    async with asyncio.timeout(DEADLINE):
        while commands.count("mset") < times:
            assert await concurrent_titles(service) == ["one"]
            await asyncio.sleep(0.05)


async def test_valkey_outage_neither_blocks_requests_nor_serves_stale_values(
    make_service: ServiceFactory,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(invalidation, "RETRY_DELAY", 0.2)
    async with make_service(URL=url(directory)) as service:
        with running_in(directory):
            await wait_until_published(service)
            assert await service.titles() == []
            async with Redis.from_url(url(directory)) as client:
                await client.save()
        capsys.readouterr()
        assert await concurrent_titles(service) == []
        async with service.app.state.engine.begin() as connection:  # as another process does
            await connection.execute(JOTS.insert(), {"title": "one"})
        commands = record_calls(monkeypatch, valkey_client(service), "mget", "mset")
        await request_until_written(service, commands, 3)  # reconnects in the background
        assert "mget" not in commands
        assert (await service.client.get("/health/ready")).status_code == 200
        assert len(cache_events(capsys.readouterr().out, "warning")) == 1
        with running_in(directory):  # with the entries of before
            await wait_until_published(service)
            assert await service.titles() == ["one"]
            assert cache_events(capsys.readouterr().out, "info") == ["cache_available"]
            with selects(service.app) as seen:
                assert await service.titles() == ["one"]
            assert seen == []


async def wait_until_published(service: CachedService) -> None:
    """Wait until a service has written its invalidations to the shared store."""
    async with asyncio.timeout(DEADLINE):
        while not await service.values.versions.wait_until_published():
            await asyncio.sleep(0.01)


async def test_hanging_valkey_is_not_queried_again_before_retry_delay(
    make_service: ServiceFactory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "RETRY_DELAY", 3600.0)
    monkeypatch.setattr("app.valkey.TIMEOUT", 1.0)  # asyncio may lose the cancellation by the other
    with running_in(directory) as process:
        async with make_service(URL=url(directory)) as service:
            assert await service.titles() == []
            commands = record_calls(monkeypatch, valkey_client(service), "mget", "mset")
            monkeypatch.setattr(stores, "TIMEOUT", 0.25)
            process.send_signal(signal.SIGSTOP)
            try:
                async with asyncio.timeout(DEADLINE):
                    requests = (service.values.get(TITLES, load, number) for number in range(30))
                    assert await asyncio.gather(*requests) == [[]] * 30
                    assert len(commands) <= stores.MAX_CONCURRENCY
                    commands.clear()
                    await service.add("one")
                    assert await concurrent_titles(service) == ["one"]
                    assert commands == []
            finally:
                process.kill()


def valkey_client(service: CachedService) -> Redis:
    assert isinstance(service.values.store, stores.ValkeyStore)
    return service.values.store.client


async def test_service_starts_while_valkey_is_unavailable(
    make_service: ServiceFactory, directory: Path
) -> None:
    async with make_service(URL=url(directory)) as service:
        assert await concurrent_titles(service) == []


def test_cache_defaults_to_32_mib_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CACHE_ENABLED", raising=False)
    config = settings.read(CacheSettings)
    assert (config.enabled, config.url, config.memory) == (True, None, 32 * 1024**2)


def test_cache_keys_contain_service_title(shared_url: str) -> None:
    _ = shared_url
    app = sample_resource.create_app()
    assert app.state.cache.versions.prefix == f"cache:{app.title}"


async def test_shutdown_cancels_cache_loads_and_closes_valkey_connections(
    make_service: ServiceFactory, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, cancelled = asyncio.Event(), []

    async def endless(_: AsyncSession) -> list[str]:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cancelled.append(1)
        return []

    async with make_service(URL=server) as service:
        closed = record_calls(monkeypatch, valkey_client(service).connection_pool, "aclose")
        reader = asyncio.create_task(service.values.get(TITLES, endless))
        await started.wait()
    assert cancelled == [1]
    assert closed == ["aclose"]
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_disabled_cache_queries_database_each_time(make_service: ServiceFactory) -> None:
    async with make_service(ENABLED="false") as service:
        with selects(service.app) as seen:
            assert [await service.titles() for _ in range(2)] == [[]] * 2
        assert len(seen) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "s3cr3t"),
        ("URL", "http://:s3cr3t@localhost"),
        ("URL", "redis://:s3cr3t@localhost:port"),
        ("MEMORY", "s3cr3t"),
        ("MEMORY", "0"),
        ("ENABLED", "s3cr3t"),
    ],
)
async def test_invalid_cache_setting_error_names_variable_and_fix(
    make_service: ServiceFactory, name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"CACHE_{name}: .* Set it to") as caught:
        async with make_service(**{name: value}):
            pass
    assert "s3cr3t" not in str(caught.value)


async def test_cache_load_uses_separate_transaction(service: CachedService) -> None:
    async def load_titles(session: AsyncSession) -> list[str]:
        titles: list[Any] = list(await session.scalars(select(Jot.title)))
        return titles

    async with service.app.state.sessions.begin() as session:
        session.add(Jot(title="never"))
        await session.flush()
        assert await service.values.get(TITLES, load_titles) == []
        await session.rollback()
    assert await service.titles() == []
