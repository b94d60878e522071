"""Jobs: asked for in a transaction, begun as often as it takes, and done once."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from sqlalchemy import update

from app.enums.job import JobState
from app.errors import Conflict
from app.jobs import (
    Cron,
    Every,
    NoArguments,
    Periodic,
    Task,
    TaskContext,
    cli,
    enqueue,
    enqueue_once,
    store,
)
from app.jobs.execution import execute
from app.jobs.outbox import TELL
from app.jobs.schedule import Scheduler
from app.jobs.store import Sessions
from app.jobs.trace_context import current_trace
from app.models.base import now
from app.models.job import Job
from tests.support import sample_tasks
from tests.support.sample_tasks import (
    FAIL,
    GIVE_UP,
    HURRIED,
    WRITE,
    Errand,
    asked,
    kept,
    service,
    taken,
    written,
)
from tests.support.timeouts import DEADLINE

WORKERS = 10
LONG_AGO = timedelta(days=365)


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Open sessions on a database of the test's own."""
    _ = database_url
    async with sample_tasks.opened() as found:
        yield found


async def hurry(sessions: Sessions) -> None:
    """Have whatever waits, or is leased, be due now."""
    async with sessions.begin() as session:
        await session.execute(update(Job).where(Job.due_at.is_not(None)).values(due_at=now()))


async def test_a_job_is_done_and_its_result_kept(sessions: Sessions) -> None:
    job = await asked(sessions, text="secret")
    await execute(service(sessions), await taken(sessions, job))
    found = await kept(sessions, job)
    assert (found.state, found.result) == (JobState.DONE, {"written": "secret"})
    assert (found.due_at, found.finished_at is None) == (None, False)
    assert found.arguments == {}
    assert await written(sessions) == 1
    assert await store.claim(sessions) is None


async def test_what_is_rolled_back_was_not_asked_for(sessions: Sessions) -> None:
    told: list[object] = []
    async with sessions.begin() as session:
        session.info[TELL] = told.append
        enqueue(session, WRITE, Errand())
        await session.flush()
        await session.rollback()
    assert told == []
    assert await store.claim(sessions) is None


async def test_workers_are_told_once_all_is_committed(sessions: Sessions) -> None:
    told: list[object] = []
    async with sessions.begin() as session:
        session.info[TELL] = told.append
        job = enqueue(session, WRITE, Errand())
        enqueue(session, WRITE, Errand(), due_at=now() + timedelta(hours=1))
        await session.flush()
        assert told == []
    assert told == [job.id]


async def test_the_one_that_waited_longest_is_taken_first(sessions: Sessions) -> None:
    jobs = [await asked(sessions) for _ in range(3)]
    found = [await store.claim(sessions) for _ in range(4)]
    assert [job.id if job else None for job in found] == [*(job.id for job in jobs), None]


async def test_of_workers_that_come_at_once_one_takes_it(sessions: Sessions) -> None:
    await asked(sessions)
    takers = [store.claim(sessions) for _ in range(WORKERS)]
    assert len([found for found in await asyncio.gather(*takers) if found]) == 1


async def test_what_is_asked_for_twice_is_done_once(sessions: Sessions) -> None:
    async def ask_for_it() -> Job:
        async with sessions.begin() as session:
            return await enqueue_once(session, WRITE, Errand(), "welcome 7")

    first, *others = await asyncio.gather(*(ask_for_it() for _ in range(5)))
    assert {first.id} == {job.id for job in others}
    await sample_tasks.work_off(service(sessions))
    assert await written(sessions) == 1
    assert (await ask_for_it()).id == first.id


async def test_a_clash_of_another_row_is_not_taken_for_the_job_s(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await enqueue_once(session, WRITE, Errand(), "taken")
    async with sessions() as session:
        session.add(Job(task="write", arguments={}, key="taken"))
        with pytest.raises(Conflict):
            await enqueue_once(session, WRITE, Errand(), "another")


async def test_what_is_due_later_waits(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        job = enqueue(session, WRITE, Errand(), due_at=now() + timedelta(hours=1))
    assert await store.claim(sessions) is None
    assert await store.claim(sessions, job.id) is None


async def test_what_fails_is_undone_and_tried_again_until_it_is_dead(
    sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    job, app = await asked(sessions, FAIL), service(sessions)
    await execute(app, await taken(sessions, job))
    found = await kept(sessions, job)
    assert (found.state, found.error) == (JobState.WAITING, "ZeroDivisionError")
    assert found.due_at
    assert found.due_at > now()
    await hurry(sessions)
    await execute(app, await taken(sessions, job))
    assert (await kept(sessions, job)).state is JobState.DEAD
    assert "a job is dead" in capsys.readouterr().out
    assert await written(sessions) == 0
    assert await store.claim(sessions) is None


async def test_what_cannot_be_done_is_dead_at_once(sessions: Sessions) -> None:
    job = await asked(sessions, GIVE_UP)
    await execute(service(sessions), await taken(sessions, job))
    assert (await kept(sessions, job)).state is JobState.DEAD
    assert await written(sessions) == 0


async def test_what_takes_too_long_fails(sessions: Sessions) -> None:
    job = await asked(sessions, HURRIED, seconds=30)
    await execute(service(sessions), await taken(sessions, job))
    found = await kept(sessions, job)
    assert (found.state, found.error) == (JobState.WAITING, "TimeoutError")


async def test_what_no_worker_survives_is_dead_in_the_end(sessions: Sessions) -> None:
    job = await asked(sessions, FAIL)
    for _ in range(FAIL.attempts):
        await taken(sessions, job)
        await hurry(sessions)
    await execute(service(sessions), await taken(sessions, job))
    found = await kept(sessions, job)
    assert (found.state, found.error) == (JobState.DEAD, "VanishedError")


async def test_a_worker_that_is_gone_is_replaced_and_keeps_nothing(sessions: Sessions) -> None:
    job, app = await asked(sessions), service(sessions)
    gone = await taken(sessions, job)
    await hurry(sessions)
    successor = await taken(sessions, job)
    await execute(app, gone)  # it was only slow, and comes back
    assert await written(sessions) == 0
    await execute(app, successor)
    assert await written(sessions) == 1


async def test_a_worker_that_is_slow_keeps_its_job(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def hold(work: TaskContext, nothing: NoArguments) -> None:
        _ = work, nothing
        await released.wait()

    task, app = Task("hold", NoArguments, hold), service(sessions)
    app.state.tasks = {task.name: task}
    async with sessions.begin() as session:
        asked_for = enqueue(session, task, NoArguments())
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=0.3))
    clock = now()
    monkeypatch.setattr(store, "now", lambda: clock)  # leases end by this clock alone
    job = await taken(sessions, asked_for)
    async with asyncio.TaskGroup() as working:
        working.create_task(execute(app, job))
        for _ in range(3):
            clock += store.LEASE * 0.6
            assert await store.claim(sessions) is None
            await renewed(sessions, job, clock + store.LEASE)
        released.set()
    assert (await kept(sessions, job)).state is JobState.DONE


async def renewed(sessions: Sessions, job: Job, due_at: datetime) -> None:
    """Wait until the lease of a job ends at a later time."""
    async with asyncio.timeout(DEADLINE):
        while (await kept(sessions, job)).due_at != due_at:
            await asyncio.sleep(0.02)


async def test_what_is_cancelled_is_given_back(sessions: Sessions) -> None:
    job = await taken(sessions, await asked(sessions, seconds=30))
    doing = asyncio.create_task(execute(service(sessions), job))
    await asyncio.sleep(0)
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    assert (await taken(sessions, job)).attempts == 1


async def test_a_job_that_nobody_knows_waits_for_a_worker_that_does(sessions: Sessions) -> None:
    unknown = Task("unknown to all", Errand, sample_tasks.write)
    job = await taken(sessions, await asked(sessions, unknown))
    await execute(service(sessions), job)
    found = await kept(sessions, job)
    assert (found.state, found.error) == (JobState.WAITING, "LookupError")


def test_pauses_grow_and_are_never_the_same() -> None:
    for attempts, least, most in ((1, 1, 2), (3, 4, 8), (99, 300, 600)):
        pauses = {store.pause(attempts).total_seconds() for _ in range(20)}
        assert least <= min(pauses) < max(pauses) <= most


async def test_a_trace_goes_on_in_the_job(sessions: Sessions) -> None:
    seen: list[str | None] = []

    async def look(work: TaskContext, nothing: NoArguments) -> None:
        _ = work, nothing
        seen.append(current_trace())

    span = NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1)))
    with trace.use_span(span):
        async with sessions.begin() as session:
            job = enqueue(session, Task("look", NoArguments, look), NoArguments())
    app = service(sessions)
    app.state.tasks = {"look": Task("look", NoArguments, look)}
    await execute(app, await taken(sessions, job))
    assert seen == [f"00-{7:032x}-{8:016x}-01"]
    assert current_trace() is None


@pytest.mark.parametrize(
    ("times", "last"),
    [
        (Every(timedelta(minutes=15)), "10:30:00"),
        (Cron("*/20 * * * *"), "10:40:00"),
        (Cron("44 10 * * *"), "10:44:00"),
    ],
)
def test_a_moment_is_found(times: Every | Cron, last: str) -> None:
    for second in ("10:44:00.000000", "10:44:00.000001", "10:44:00.999999"):
        moment = datetime.fromisoformat(f"2026-11-25T{second}").replace(tzinfo=UTC)
        assert f"{times.last(moment):%H:%M:%S}" == last


async def test_of_many_timetables_one_has_a_periodic_job_done(sessions: Sessions) -> None:
    entry = Periodic(WRITE, Errand(), Every(timedelta(minutes=30)))
    tables = [Scheduler([entry]) for _ in range(WORKERS)]
    for _ in range(2):
        await asyncio.gather(*(table.ask(sessions) for table in tables))
    await sample_tasks.work_off(service(sessions))
    assert await written(sessions) in {1, 2}  # two, where half an hour ends meanwhile


async def test_what_was_missed_for_long_is_not_made_up_for(sessions: Sessions) -> None:
    yesterday = now() - timedelta(days=1)
    times = Cron(f"{yesterday.minute} {(yesterday.hour + 2) % 24} * * *")  # 22 hours ago
    await Scheduler([Periodic(WRITE, Errand(), times)]).ask(sessions)
    assert await store.claim(sessions) is None


async def test_jobs_that_were_done_long_ago_are_forgotten(sessions: Sessions) -> None:
    done, dead, waiting = [await asked(sessions, task) for task in (WRITE, GIVE_UP, WRITE)]
    for job in (done, dead):
        await execute(service(sessions), await taken(sessions, job))
    async with sessions.begin() as session:
        assert await store.purge(session, LONG_AGO) == 0
        await session.execute(update(Job).values(created_at=now() - 2 * LONG_AGO))
        old = update(Job).where(Job.finished_at.is_not(None))
        await session.execute(old.values(finished_at=now() - 2 * LONG_AGO))
        assert await store.purge(session, LONG_AGO) == 1
        assert await session.get(Job, done.id, populate_existing=True) is None
        assert await session.get(Job, dead.id)
        assert await session.get(Job, waiting.id)


async def test_the_command_line_lists_the_dead_and_revives_them(sessions: Sessions) -> None:
    assert await cli.dead_jobs() == "No job is dead."
    job = await asked(sessions, GIVE_UP)
    await execute(service(sessions), await taken(sessions, job))
    assert str(job.id) in await cli.dead_jobs()
    assert await cli.retry_job(str(job.id)) == "give_up is tried again."
    assert (await taken(sessions, job)).attempts == 1
    with pytest.raises(SystemExit, match="running"):
        await cli.retry_job(str(job.id))
    with pytest.raises(SystemExit, match="no job's id"):
        await cli.retry_job("seven")
