"""The cache: what is kept is not asked for again, and is void once what it is made of changes."""

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
from tests.support.cache import JOTS, TITLES, Caching, Made, load, making
from tests.support.query_count import selects
from tests.support.sample_resource import Jot
from tests.support.timeouts import DEADLINE, wait_until

WORDS = TypeAdapter(str)


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Name a Valkey."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def place() -> Generator[Path, None, None]:
    """Give a Valkey of one test a place, at which it can end and come back."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as found:
        yield Path(found)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Made:
    """Build services on a database of one test."""
    return making(monkeypatch, database_url)


@pytest.fixture(scope="module")
async def services(server: str, migrated_url: str) -> AsyncGenerator[dict[str, Caching], None]:
    """Run services on one database: one that keeps values in its memory, two that share them."""
    database = await databases.clone(migrated_url)
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", database)
            make = making(patch, database)
            found = {"memory": await stack.enter_async_context(make())}
            for name in ("valkey", "another"):
                found[name] = await stack.enter_async_context(make(URL=server))
        yield found
    await databases.drop(database)


@pytest.fixture(params=["memory", "valkey"])
async def caching(request: pytest.FixtureRequest, services: dict[str, Caching]) -> Caching:
    """Give a service that keeps values in its memory, or in a Valkey; it begins with nothing."""
    found = services[request.param]
    await found.begin()
    return found


@pytest.fixture
async def both(services: dict[str, Caching]) -> tuple[Caching, Caching]:
    """Give two services that share what they keep; they begin with nothing."""
    await services["valkey"].begin()
    return services["valkey"], services["another"]


@pytest.fixture
async def client(server: str) -> AsyncGenerator[Redis, None]:
    """Look into the Valkey."""
    async with Redis.from_url(server) as found:
        yield found


# ── What is kept, and how long ────────────────────────────────────────────────────────────────────


async def test_what_is_kept_is_not_asked_for_again(caching: Caching) -> None:
    await caching.add("one")
    with selects(caching.app) as seen:
        assert [await caching.titles() for _ in range(3)] == [["one"]] * 3
    assert len(seen) == 1


async def test_a_commit_makes_it_void(caching: Caching) -> None:
    for number in range(1, 4):
        await caching.add(f"{number}")
        assert len(await caching.titles()) == number


async def test_neither_what_is_not_committed_does_nor_what_never_is(caching: Caching) -> None:
    await caching.titles()
    with selects(caching.app) as seen:
        async with caching.app.state.sessions.begin() as session:
            session.add(Jot(title="one"))
            await session.flush()
            assert await caching.titles() == []
            await session.rollback()
        assert await caching.titles() == []
    assert seen == []


async def test_what_a_statement_changes_is_void_too(caching: Caching) -> None:
    await caching.add("one")
    assert await caching.titles() == ["one"]
    async with caching.app.state.sessions.begin() as session:
        await session.execute(delete(Jot))
    assert await caching.titles() == []


async def test_what_nobody_saw_change_can_be_forgotten(caching: Caching) -> None:
    assert await caching.titles() == []
    async with caching.app.state.engine.begin() as connection:
        await connection.execute(JOTS.insert(), {"title": "one"})
    assert await caching.titles() == []
    caching.values.forget(Jot)
    assert await caching.titles() == ["one"]


async def test_who_began_before_a_commit_leaves_nothing_stale(caching: Caching) -> None:
    has_read, may_end = asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession) -> list[str]:
        found = await load(session)
        has_read.set()
        await may_end.wait()
        return found

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as readers:
        reader = readers.create_task(caching.values.get(TITLES, slow))
        await has_read.wait()
        await caching.add("one")
        assert await caching.titles() == ["one"]  # it does not wait for the reader
        may_end.set()
    assert reader.result() == []
    assert await caching.titles() == ["one"]


async def test_each_key_has_a_value_of_its_own(caching: Caching) -> None:
    async def get(*key: object) -> str:
        async def write(_: AsyncSession) -> str:
            return repr(key)

        return await caching.values.get(Cached("words", WORDS, (), 60), write, *key)

    for key in [(), ("a",), ("a", "b"), ("a,b",), (1,), ("1",), (None,)]:
        assert await get(*key) == repr(key)


async def test_another_schema_does_not_read_what_this_one_keeps(caching: Caching) -> None:
    async def number(_: AsyncSession) -> int:
        return 1

    async def words(_: AsyncSession) -> int | str:
        return "one"

    assert await caching.values.get(Cached("same", TypeAdapter(int), (), 60), number) == 1
    newer = Cached("same", TypeAdapter(int | str), (), 60)
    assert await caching.values.get(newer, words) == "one"


async def test_what_is_too_large_is_not_kept(caching: Caching) -> None:
    kind = Cached("large", WORDS, (), 60)
    asked = []

    async def write(_: AsyncSession) -> str:
        asked.append(length)
        return "x" * length

    largest = (1 << 20) - 2  # and two quotes
    for length in (largest, largest + 1) * 2:
        assert await caching.values.get(kind, write, length) == "x" * length
    assert asked == [largest, largest + 1, largest + 1]


class Shown(BaseModel, extra="forbid"):
    """A value whose JSON for clients is not the one that it is read from."""

    kind: str = Field(alias="class")

    @computed_field
    def length(self) -> int:
        """The number of characters of its kind."""
        return len(self.kind)


async def test_value_with_alias_and_computed_field_is_stored(caching: Caching) -> None:
    asked = []

    async def compute(_: AsyncSession) -> Shown:
        asked.append(1)
        return Shown.model_validate({"class": "a"})

    for _ in range(2):
        found = await caching.values.get(Cached("shown", TypeAdapter(Shown), (), 60), compute)
        assert found.kind == "a"
    assert len(asked) == 1


async def test_what_failed_is_not_kept(caching: Caching) -> None:
    async def fail(_: AsyncSession) -> list[str]:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await caching.values.get(TITLES, fail)
    assert await caching.titles() == []


async def test_lock_is_released_whether_computing_fails_or_not(
    both: tuple[Caching, Caching], client: Redis
) -> None:
    async def fail(_: AsyncSession) -> list[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await both[0].values.get(TITLES, fail)
    assert not await client.exists(await lock(both[0]))
    await both[0].titles()
    assert not await client.exists(await lock(both[0]))


def test_values_do_not_all_end_at_once() -> None:
    seconds = [TITLES.lasting() for _ in range(1000)]
    assert 54 <= min(seconds) < 57
    assert 63 < max(seconds) <= 66


async def test_a_value_ends(both: tuple[Caching, Caching], client: Redis) -> None:
    caching, _ = both
    await caching.titles()
    assert 0 < await client.pttl(where(caching)) <= 66_000


@pytest.mark.parametrize("method", ["keep", "claim"])
async def test_valkey_entry_expires_after_its_seconds(
    both: tuple[Caching, Caching], client: Redis, method: str
) -> None:
    key = f"{where(both[0])}:{method}"
    await getattr(both[0].values.store, method)(key, b"", 86_400)
    assert 86_340_000 < await client.pttl(key) <= 86_400_000


async def test_memory_keeps_what_was_used_last_in_so_many_bytes() -> None:
    kept = MemoryStore(room=3 * (OVERHEAD + 10))
    for key in ("a", "b", "c"):
        await kept.keep(key, b"x" * 10, 60)
    await kept.read("a")
    await kept.keep("d", b"x" * 10, 60)
    assert [value is not None for value in await kept.read("a", "b", "c", "d")] == [
        True,
        False,
        True,
        True,
    ]
    await kept.keep("e", b"x" * 10_000, 60)
    assert await kept.read("a", "c", "d", "e") == [None] * 4
    assert kept.used == 0


async def test_memory_counts_what_it_overwrites_or_drops_once() -> None:
    memory = MemoryStore(room=2 * (OVERHEAD + 10))
    for key in ("a", "b", "a"):
        await memory.keep(key, b"x" * 10, 60)
    assert await memory.read("a", "b") == [b"x" * 10] * 2
    for _ in range(2):
        await memory.drop("a")
    assert await memory.read("a", "b") == [None, b"x" * 10]
    assert memory.used == OVERHEAD + 10
    await memory.aclose()
    assert await memory.read("b") == [None]


async def test_memory_forgets_what_has_ended() -> None:
    kept = MemoryStore(room=10_000)
    await kept.keep("a", b"x", -1)
    assert await kept.read("a") == [None]
    assert await kept.claim("a", b"y", 60)
    assert not await kept.claim("a", b"z", 60)
    assert await kept.read("a") == [b"y"]


async def test_rows_that_the_database_changes_with_others_count_as_changed(
    jots_in_metadata: None,
) -> None:
    _ = jots_in_metadata
    rules = {"jot_marks": "CASCADE", "jot_notes": "SET NULL", "jot_holds": "RESTRICT"}
    tables = [
        Table(name, Base.metadata, Column("id", Uuid, ForeignKey("jots.id", ondelete=rule)))
        for name, rule in rules.items()
    ]
    columns = [  # of a table that follows another one and itself
        Column(name, Uuid, ForeignKey(target, ondelete="CASCADE"))
        for name, target in [("id", "jot_marks.id"), ("follows_id", "jot_mark_texts.id")]
    ]
    tables.append(Table("jot_mark_texts", Base.metadata, *columns))
    gone, changed = (
        set(changed_tables(Change("jots", kind))) for kind in (Kind.DELETED, Kind.UPDATED)
    )
    for table in tables:
        Base.metadata.remove(table)
    assert gone == {"jots", "jot_marks", "jot_mark_texts", "jot_notes"}
    assert changed == {"jots"}


# ── One asks for all ──────────────────────────────────────────────────────────────────────────────


async def test_one_asks_for_all_who_want_the_same(
    caching: Caching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caching.add("one")
    await caching.titles()
    caching.values.forget(Jot)
    claimed = noted(monkeypatch, caching.values.store, "claim")
    with selects(caching.app) as seen:
        found = await asyncio.gather(*(caching.titles() for _ in range(100)))
    assert (found, len(seen), len(claimed)) == ([["one"]] * 100, 1, 1)
    assert caching.values.flights == {}


def noted(patch: pytest.MonkeyPatch, thing: object, *names: str) -> list[str]:
    """Note which methods of something are called from here on."""
    seen: list[str] = []

    def watched(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **options: object) -> object:
            seen.append(name)
            return method(*given, **options)

        return call

    for name in names:
        patch.setattr(thing, name, watched(name, getattr(thing, name)))
    return seen


async def test_those_who_wait_do_not_share_what_they_may_change(caching: Caching) -> None:
    each = (caching.values.get(TITLES, load) for _ in range(2))
    one, other = await asyncio.gather(*each)
    assert one is not other


async def test_others_get_it_though_the_first_goes_away(caching: Caching) -> None:
    may_end = asyncio.Event()

    async def slow(session: AsyncSession) -> list[str]:
        await may_end.wait()
        return await load(session)

    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(caching.values.get(TITLES, slow)) for _ in range(2))
        await wait_until(lambda: caching.values.flights)
        first.cancel()
        may_end.set()
    assert second.result() == []


async def test_one_process_asks_for_all(
    both: tuple[Caching, Caching], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, claimed = [], []
    claim = stores.ValkeyStore.claim

    async def noting(store: stores.ValkeyStore, key: str, value: bytes, seconds: float) -> bool:
        done = await claim(store, key, value, seconds)
        if key.startswith(where(both[0])):
            claimed.append(done)
        return done

    async def slow(session: AsyncSession) -> list[str]:
        asked.append(1)
        await wait_until(lambda: len(claimed) == len(both))  # the others come while it lasts
        return await load(session)

    monkeypatch.setattr(stores.ValkeyStore, "claim", noting)

    each = [service.values.get(TITLES, slow) for service in both for _ in range(50)]
    assert await asyncio.gather(*each) == [[]] * 100
    assert len(asked) == 1


async def test_a_process_that_died_is_not_waited_for_long(
    both: tuple[Caching, Caching], client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    caching, _ = both
    monkeypatch.setattr(values, "WAIT", 0.1)
    await client.set(await lock(caching), b"", ex=60)
    await client.set(where(caching), await stamp(caching) + b"{")
    assert await caching.titles() == []


async def test_released_lock_without_a_value_is_not_waited_for(
    both: tuple[Caching, Caching], client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    caching, _ = both
    await client.set(await lock(caching), b"")
    read = noted(monkeypatch, caching.values.store, "read")
    async with asyncio.timeout(DEADLINE / 2), asyncio.TaskGroup() as group:
        waiting = group.create_task(caching.titles())
        await wait_until(lambda: len(read) > 2)
        await client.delete(await lock(caching))
    assert waiting.result() == []


# ── Several processes, and a Valkey that goes away ────────────────────────────────────────────────


def where(caching: Caching) -> str:
    """Name the key under which a service keeps titles."""
    return f"{caching.values.generations.prefix}:value:{TITLES.place()}"


async def stamp(caching: Caching) -> bytes:
    """Give the tokens of what titles are made of."""
    found, _ = await caching.values.generations.current(where(caching), TITLES.tables)
    return found


async def lock(caching: Caching) -> str:
    """Name the lock of the process that computes titles."""
    return f"{where(caching)}:{(await stamp(caching)).hex()}"


async def test_processes_share_what_is_kept_and_what_is_void(
    both: tuple[Caching, Caching],
) -> None:
    one, other = both
    await one.add("one")
    assert await one.titles() == ["one"]
    with selects(other.app) as seen:
        assert await other.titles() == ["one"]
    assert seen == []
    await other.add("two")
    assert await one.titles() == ["one", "two"]


async def test_an_answer_waits_until_others_know(
    both: tuple[Caching, Caching], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    await other.titles()
    delayed(one, monkeypatch)
    await one.add("one")
    assert await other.titles() == ["one"]


async def test_who_reads_first_tells_what_this_process_changed(
    both: tuple[Caching, Caching], monkeypatch: pytest.MonkeyPatch
) -> None:
    caching, _ = both
    await caching.titles()
    delayed(caching, monkeypatch)
    async with caching.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
    assert await caching.titles() == ["one"]


def delayed(caching: Caching, patch: pytest.MonkeyPatch) -> None:
    """Have a service take its time to tell what it changed."""
    write = caching.values.store.write

    async def late(entries: Mapping[str, bytes]) -> None:
        await asyncio.sleep(0.1)
        await write(entries)

    patch.setattr(caching.values.store, "write", late)


async def test_a_process_that_starts_believes_nothing_that_is_kept(made: Made, server: str) -> None:
    async with made(URL=server) as caching:
        assert await caching.titles() == []
        async with caching.app.state.engine.begin() as connection:  # as a migration does
            await connection.execute(JOTS.insert(), {"title": "one"})
    async with made(URL=server) as caching:
        assert await caching.titles() == ["one"]


@pytest.mark.parametrize("spoilt", [b"{", b'[1, "x"', b"\xff", b'{"a": 1}', b"[1]"])
async def test_bytes_that_are_no_value_are_computed_anew(
    both: tuple[Caching, Caching], client: Redis, spoilt: bytes
) -> None:
    caching, _ = both
    await caching.titles()
    for bad in (await stamp(caching) + spoilt, spoilt, b""):
        await client.set(where(caching), bad)
        assert await caching.titles() == []


async def test_tokens_that_were_evicted_make_values_void(
    both: tuple[Caching, Caching], client: Redis
) -> None:
    caching, _ = both
    await caching.titles()
    await client.delete(f"{caching.values.generations.prefix}:generation:jots")
    with selects(caching.app) as seen:
        await asyncio.gather(*(caching.titles() for _ in range(10)))
        await caching.titles()
    assert len(seen) == 1


def events(told: str, level: str) -> list[str]:
    """List the events of a level that the service itself logged about its cache."""
    lines = [json.loads(line) for line in told.splitlines()]
    own = [line["event"] for line in lines if "logger" not in line and line["level"] == level]
    return [event for event in own if "the cache" in event]


async def several(caching: Caching, times: int = 5) -> list[str]:
    """Request titles several times at once."""
    found = await asyncio.gather(*(caching.titles() for _ in range(times)))
    return found[0]


async def until_written(caching: Caching, commands: list[str], times: int) -> None:
    """Request the only title until a service has written to its Valkey so often."""
    async with asyncio.timeout(DEADLINE):
        while commands.count("mset") < times:
            assert await several(caching) == ["one"]
            await asyncio.sleep(0.05)


async def test_an_outage_holds_nobody_up_and_leaves_nothing_stale(
    made: Made, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(invalidation, "PAUSE", 0.2)
    async with made(URL=url(place)) as caching:
        with running_in(place):
            await until_known(caching)
            assert await caching.titles() == []
            async with Redis.from_url(url(place)) as client:
                await client.save()
        capsys.readouterr()
        assert await several(caching) == []
        async with caching.app.state.engine.begin() as connection:  # as another process does
            await connection.execute(JOTS.insert(), {"title": "one"})
        commands = noted(monkeypatch, client_of(caching), "mget", "mset")
        await until_written(caching, commands, 3)  # in the background, to see whether it is back
        assert "mget" not in commands
        assert (await caching.client.get("/health/ready")).status_code == 200
        assert len(events(capsys.readouterr().out, "warning")) == 1
        with running_in(place):  # it knows what it knew before
            await until_known(caching)
            assert await caching.titles() == ["one"]
            assert events(capsys.readouterr().out, "info") == ["the cache is used again"]
            with selects(caching.app) as seen:
                assert await caching.titles() == ["one"]
            assert seen == []


async def until_known(caching: Caching) -> None:
    """Wait until a service has told its Valkey all that it is to know."""
    async with asyncio.timeout(DEADLINE):
        while not await caching.values.generations.settle():
            await asyncio.sleep(0.01)


async def test_a_valkey_that_says_nothing_is_asked_once(
    made: Made, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "PAUSE", 3600.0)
    with running_in(place) as process:
        async with made(URL=url(place)) as caching:
            assert await caching.titles() == []
            commands = noted(monkeypatch, client_of(caching), "mget", "mset")
            monkeypatch.setattr(stores, "PATIENCE", 0.25)
            process.send_signal(signal.SIGSTOP)
            try:
                async with asyncio.timeout(DEADLINE / 2):  # sooner than the client gives up
                    many = (caching.values.get(TITLES, load, number) for number in range(30))
                    assert await asyncio.gather(*many) == [[]] * 30
                    assert len(commands) <= stores.AT_ONCE
                    commands.clear()
                    await caching.add("one")
                    assert await several(caching) == ["one"]
                    assert commands == []
            finally:
                process.kill()


def client_of(caching: Caching) -> Redis:
    """Give the client by which a service reaches its Valkey."""
    assert isinstance(caching.values.store, stores.ValkeyStore)
    return caching.values.store.client


async def test_a_service_starts_without_its_valkey(made: Made, place: Path) -> None:
    async with made(URL=url(place)) as caching:
        assert await several(caching) == []


def test_cache_defaults_are_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CACHE_ENABLED", raising=False)
    found = settings.read(CacheSettings)
    assert (found.enabled, found.url, found.memory) == (True, None, 32 * 1024**2)


def test_services_of_different_titles_share_nothing(shared_url: str) -> None:
    _ = shared_url
    app = sample_resource.create_app()
    assert app.state.cache.generations.prefix == f"cache:{app.title}"


async def test_closing_service_ends_loads_and_closes_connections(
    made: Made, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = asyncio.Event(), []

    async def endless(_: AsyncSession) -> list[str]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(1)
        return []

    async with made(URL=server) as caching:
        closed = noted(monkeypatch, client_of(caching).connection_pool, "aclose")
        reader = asyncio.create_task(caching.values.get(TITLES, endless))
        await begun.wait()
    assert (ended, closed) == ([1], ["aclose"])
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_a_cache_can_be_off(made: Made) -> None:
    async with made(ENABLED="false") as caching:
        with selects(caching.app) as seen:
            assert [await caching.titles() for _ in range(2)] == [[]] * 2
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
async def test_a_bad_setting_is_told_by_name_and_mend(made: Made, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"CACHE_{name}: .* Set it to") as caught:
        async with made(**{name: value}):
            pass
    assert "s3cr3t" not in str(caught.value)


async def test_it_reads_past_the_writers_transaction(caching: Caching) -> None:
    async def number(session: AsyncSession) -> list[str]:
        found: list[Any] = list(await session.scalars(select(Jot.title)))
        return found

    async with caching.app.state.sessions.begin() as session:
        session.add(Jot(title="never"))
        await session.flush()
        assert await caching.values.get(TITLES, number) == []
        await session.rollback()
    assert await caching.titles() == []
