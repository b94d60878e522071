"""Tests of jobs: transactional enqueue, claim, lease, retry, schedule, trace, purge."""

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
from app.jobs.outbox import NOTIFY
from app.jobs.schedule import Scheduler
from app.jobs.store import Sessions
from app.jobs.trace_context import current_traceparent
from app.models.base import now
from app.models.job import Job
from tests.support import sample_tasks
from tests.support.cors import rejected_headers
from tests.support.sample_tasks import (
    FAIL,
    GIVE_UP,
    TIME_OUT,
    WRITE,
    SampleArguments,
    claim_job,
    count_written,
    enqueue_job,
    minimal_app,
    read_job,
)
from tests.support.timeouts import DEADLINE

WORKERS = 10
LONG_AGO = timedelta(days=365)


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Return a session factory for a database of this test."""
    _ = database_url
    async with sample_tasks.open_sessions() as factory:
        yield factory


async def make_due(sessions: Sessions) -> None:
    """Make all waiting jobs due now, and let all leases expire."""
    async with sessions.begin() as session:
        await session.execute(update(Job).where(Job.due_at.is_not(None)).values(due_at=now()))


async def test_done_job_stores_result_and_deletes_arguments(sessions: Sessions) -> None:
    job = await enqueue_job(sessions, text="secret")
    await execute(minimal_app(sessions), await claim_job(sessions, job))
    done = await read_job(sessions, job)
    assert (done.state, done.result) == (JobState.DONE, {"written": "secret"})
    assert done.due_at is None
    assert done.finished_at is not None
    assert done.arguments == {}
    assert await count_written(sessions) == 1
    assert await store.claim(sessions) is None


async def test_rolled_back_job_is_not_enqueued(sessions: Sessions) -> None:
    notified: list[object] = []
    async with sessions.begin() as session:
        session.info[NOTIFY] = notified.append
        enqueue(session, WRITE, SampleArguments())
        await session.flush()
        await session.rollback()
    assert notified == []
    assert await store.claim(sessions) is None


async def test_enqueue_notifies_workers_only_after_commit(sessions: Sessions) -> None:
    notified: list[object] = []
    async with sessions.begin() as session:
        session.info[NOTIFY] = notified.append
        job = enqueue(session, WRITE, SampleArguments())
        enqueue(session, WRITE, SampleArguments(), due_at=now() + timedelta(hours=1))
        await session.flush()
        assert notified == []
    assert notified == [job.id]


async def test_longest_due_job_is_claimed_first(sessions: Sessions) -> None:
    jobs = [await enqueue_job(sessions) for _ in range(3)]
    claimed = [await store.claim(sessions) for _ in range(4)]
    assert [job.id if job else None for job in claimed] == [*(job.id for job in jobs), None]


async def test_concurrent_claims_return_job_once(sessions: Sessions) -> None:
    await enqueue_job(sessions)
    claims = await asyncio.gather(*(store.claim(sessions) for _ in range(WORKERS)))
    assert len([job for job in claims if job]) == 1


@pytest.mark.usefixtures("shared_url")
async def test_cors_allows_idempotency_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rejected_headers(monkeypatch, "Idempotency-Key") == set()


async def test_repeated_idempotency_key_enqueues_one_job(sessions: Sessions) -> None:
    async def enqueue_with_key() -> Job:
        async with sessions.begin() as session:
            return await enqueue_once(session, WRITE, SampleArguments(), "welcome 7")

    first, *others = await asyncio.gather(*(enqueue_with_key() for _ in range(5)))
    assert {first.id} == {job.id for job in others}
    await sample_tasks.run_due_jobs(minimal_app(sessions))
    assert await count_written(sessions) == 1
    assert (await enqueue_with_key()).id == first.id


async def test_enqueue_once_raises_unrelated_conflict(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await enqueue_once(session, WRITE, SampleArguments(), "taken")
    async with sessions() as session:
        session.add(Job(task="write", arguments={}, key="taken"))
        with pytest.raises(Conflict):
            await enqueue_once(session, WRITE, SampleArguments(), "another")


async def test_job_is_not_claimed_before_due_at(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        job = enqueue(session, WRITE, SampleArguments(), due_at=now() + timedelta(hours=1))
    assert await store.claim(sessions) is None
    assert await store.claim(sessions, job.id) is None


async def test_failed_job_is_rolled_back_and_retried_until_dead(
    sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    job, app = await enqueue_job(sessions, FAIL), minimal_app(sessions)
    await execute(app, await claim_job(sessions, job))
    waiting = await read_job(sessions, job)
    assert (waiting.state, waiting.error) == (JobState.WAITING, "ZeroDivisionError")
    assert waiting.due_at
    assert waiting.due_at > now()
    await make_due(sessions)
    await execute(app, await claim_job(sessions, job))
    assert (await read_job(sessions, job)).state is JobState.DEAD
    assert "job_dead" in capsys.readouterr().out
    assert await count_written(sessions) == 0
    assert await store.claim(sessions) is None


async def test_job_that_raises_give_up_error_is_not_retried(sessions: Sessions) -> None:
    job = await enqueue_job(sessions, GIVE_UP)
    await execute(minimal_app(sessions), await claim_job(sessions, job))
    assert (await read_job(sessions, job)).state is JobState.DEAD
    assert await count_written(sessions) == 0


async def test_job_is_retried_after_timeout(sessions: Sessions) -> None:
    job = await enqueue_job(sessions, TIME_OUT, seconds=30)
    await execute(minimal_app(sessions), await claim_job(sessions, job))
    waiting = await read_job(sessions, job)
    assert (waiting.state, waiting.error) == (JobState.WAITING, "TimeoutError")


async def test_job_that_crashes_workers_becomes_dead(sessions: Sessions) -> None:
    job = await enqueue_job(sessions, FAIL)
    for _ in range(FAIL.attempts):
        await claim_job(sessions, job)
        await make_due(sessions)
    await execute(minimal_app(sessions), await claim_job(sessions, job))
    dead = await read_job(sessions, job)
    assert (dead.state, dead.error) == (JobState.DEAD, "WorkerLostError")


async def test_job_with_expired_lease_runs_again_and_writes_once(
    sessions: Sessions,
) -> None:
    job, app = await enqueue_job(sessions), minimal_app(sessions)
    expired = await claim_job(sessions, job)
    await make_due(sessions)
    successor = await claim_job(sessions, job)
    await execute(app, expired)  # the first worker was only slow
    assert await count_written(sessions) == 0
    await execute(app, successor)
    assert await count_written(sessions) == 1


async def test_heartbeat_renews_lease_of_slow_job(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def hold(context: TaskContext, arguments: NoArguments) -> None:
        _ = context, arguments
        await released.wait()

    task, app = Task("hold", NoArguments, hold), minimal_app(sessions)
    app.state.tasks = {task.name: task}
    async with sessions.begin() as session:
        enqueued = enqueue(session, task, NoArguments())
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=0.3))
    clock = now()
    monkeypatch.setattr(store, "now", lambda: clock)  # leases expire by this clock alone
    job = await claim_job(sessions, enqueued)
    async with asyncio.TaskGroup() as working:
        working.create_task(execute(app, job))
        for _ in range(3):
            clock += store.LEASE * 0.6
            assert await store.claim(sessions) is None
            await wait_until_renewed(sessions, job, clock + store.LEASE)
        released.set()
    assert (await read_job(sessions, job)).state is JobState.DONE


async def wait_until_renewed(sessions: Sessions, job: Job, due_at: datetime) -> None:
    """Wait until the lease of a job is extended to a given time."""
    async with asyncio.timeout(DEADLINE):
        while (await read_job(sessions, job)).due_at != due_at:
            await asyncio.sleep(0.02)


async def test_cancelled_job_is_released_without_counting_attempt(sessions: Sessions) -> None:
    job = await claim_job(sessions, await enqueue_job(sessions, seconds=30))
    running = asyncio.create_task(execute(minimal_app(sessions), job))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await claim_job(sessions, job)).attempts == 1


async def test_job_of_unknown_task_is_retried(sessions: Sessions) -> None:
    unknown = Task("unknown to all", SampleArguments, sample_tasks.write)
    job = await claim_job(sessions, await enqueue_job(sessions, unknown))
    await execute(minimal_app(sessions), job)
    waiting = await read_job(sessions, job)
    assert (waiting.state, waiting.error) == (JobState.WAITING, "LookupError")


def test_retry_backoff_is_exponential_with_jitter() -> None:
    for attempts, shortest, longest in ((1, 1, 2), (3, 4, 8), (99, 300, 600)):
        delays = {store.backoff(attempts).total_seconds() for _ in range(20)}
        assert shortest <= min(delays) < max(delays) <= longest


async def test_job_continues_trace_of_request(sessions: Sessions) -> None:
    seen: list[str | None] = []

    async def look(context: TaskContext, arguments: NoArguments) -> None:
        _ = context, arguments
        seen.append(current_traceparent())

    span = NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1)))
    with trace.use_span(span):
        async with sessions.begin() as session:
            job = enqueue(session, Task("look", NoArguments, look), NoArguments())
    app = minimal_app(sessions)
    app.state.tasks = {"look": Task("look", NoArguments, look)}
    await execute(app, await claim_job(sessions, job))
    assert seen == [f"00-{7:032x}-{8:016x}-01"]
    assert current_traceparent() is None


@pytest.mark.parametrize(
    ("schedule", "last"),
    [
        (Every(timedelta(minutes=15)), "10:30:00"),
        (Cron("*/20 * * * *"), "10:40:00"),
        (Cron("44 10 * * *"), "10:44:00"),
    ],
)
def test_schedule_last_returns_latest_scheduled_time(schedule: Every | Cron, last: str) -> None:
    for second in ("10:44:00.000000", "10:44:00.000001", "10:44:00.999999"):
        moment = datetime.fromisoformat(f"2026-11-25T{second}").replace(tzinfo=UTC)
        assert f"{schedule.last(moment):%H:%M:%S}" == last


async def test_concurrent_schedulers_enqueue_periodic_job_once(sessions: Sessions) -> None:
    entry = Periodic(WRITE, SampleArguments(), Every(timedelta(minutes=30)))
    schedulers = [Scheduler([entry]) for _ in range(WORKERS)]
    for _ in range(2):
        await asyncio.gather(*(each.enqueue_due(sessions) for each in schedulers))
    await sample_tasks.run_due_jobs(minimal_app(sessions))
    assert await count_written(sessions) in {1, 2}  # two, where half an hour ends meanwhile


async def test_periodic_job_missed_for_too_long_is_skipped(sessions: Sessions) -> None:
    yesterday = now() - timedelta(days=1)
    schedule = Cron(f"{yesterday.minute} {(yesterday.hour + 2) % 24} * * *")  # 22 hours ago
    await Scheduler([Periodic(WRITE, SampleArguments(), schedule)]).enqueue_due(sessions)
    assert await store.claim(sessions) is None


async def test_purge_deletes_old_done_and_dead_jobs(sessions: Sessions) -> None:
    done, dead, waiting = [await enqueue_job(sessions, task) for task in (WRITE, GIVE_UP, WRITE)]
    for job in (done, dead):
        await execute(minimal_app(sessions), await claim_job(sessions, job))
    async with sessions.begin() as session:
        assert await store.purge(session, LONG_AGO, LONG_AGO) == 0
        await session.execute(update(Job).values(created_at=now() - 2 * LONG_AGO))
        old = update(Job).where(Job.finished_at.is_not(None))
        await session.execute(old.values(finished_at=now() - 2 * LONG_AGO))
        assert await store.purge(session, LONG_AGO, 3 * LONG_AGO) == 1
        assert await session.get(Job, done.id, populate_existing=True) is None
        assert await session.get(Job, dead.id)
        assert await store.purge(session, LONG_AGO, LONG_AGO) == 1
        assert await session.get(Job, dead.id, populate_existing=True) is None
        assert await session.get(Job, waiting.id)


async def test_jobs_commands_list_and_retry_dead_jobs(sessions: Sessions) -> None:
    assert await cli.dead_jobs() == "No dead jobs."
    job = await enqueue_job(sessions, GIVE_UP)
    await execute(minimal_app(sessions), await claim_job(sessions, job))
    assert str(job.id) in await cli.dead_jobs()
    assert await cli.retry_job(str(job.id)) == "Queued for retry: give_up."
    assert (await claim_job(sessions, job)).attempts == 1
    with pytest.raises(SystemExit, match="running"):
        await cli.retry_job(str(job.id))
    with pytest.raises(SystemExit, match="Invalid job id"):
        await cli.retry_job("seven")
