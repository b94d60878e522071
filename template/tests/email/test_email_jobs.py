"""Mails that are kept until they are sent: whatever stops meanwhile, a worker sends them."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app import email
from app.email import Mail, email_jobs
from app.email.email_jobs import JobEmailQueue
from app.email.message import compose
from app.enums.job import JobState
from app.jobs.store import Sessions
from app.models.base import now
from app.models.job import Job
from app.tasks.send_email import SEND
from tests.support import sample_tasks
from tests.support.live_server import lifespan
from tests.support.smtp import Post, running

HELLO = Mail("you@example.com", "hello", {"service": "Shop"})


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Generator[Post, None, None]:
    """Run a server that takes mails."""
    post = Post()
    with running(post) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        yield post


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Open sessions on a database of the test's own."""
    _ = database_url
    async with sample_tasks.open_sessions() as found:
        yield found


def made(sessions: Sessions) -> FastAPI:
    """Make as much of a service as mails need."""
    app = sample_tasks.minimal_app(sessions)
    app.state.tasks = {SEND.name: SEND}
    email.install(app)
    email_jobs.install(app)
    return app


async def one(sessions: Sessions) -> Job:
    """Find the one job that there is."""
    async with sessions() as session:
        return (await session.scalars(select(Job))).one()


def test_the_service_s_mails_are_kept(app: FastAPI) -> None:
    assert isinstance(app.state.mails, JobEmailQueue)


async def test_a_mail_is_kept_with_what_it_tells_of(sessions: Sessions, post: Post) -> None:
    app = made(sessions)
    async with sessions() as session:
        async with session.begin() as transaction:
            app.state.mails.send(Mail("you@example.com", "hello", {"service": "Lost"}), session)
            await transaction.rollback()
        async with session.begin():
            app.state.mails.send(HELLO, session)
    assert post.asked == 0
    await sample_tasks.run_due_jobs(made(sessions))  # by another process
    came = await asyncio.to_thread(post.next)
    assert (came["To"], came["Subject"]) == ("you@example.com", "Hello from Shop")
    assert post.asked == 1
    assert (await one(sessions)).arguments == {}


async def test_a_mail_that_tells_of_nothing_is_kept_soon(sessions: Sessions, post: Post) -> None:
    app = made(sessions)
    async with lifespan(app):
        app.state.mails.send(HELLO)
    assert post.asked == 0
    await sample_tasks.run_due_jobs(app)
    assert post.asked == 1


async def test_what_cannot_be_kept_is_sent_at_once(
    sessions: Sessions, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    app = made(sessions)
    app.state.sessions = None
    await app.state.mails.deliver(compose(HELLO, app.state.mails.config.sender))
    assert post.asked == 1
    assert "a mail is not kept" in capsys.readouterr().out


async def test_a_mail_is_tried_again_and_is_the_same(
    sessions: Sessions, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    app = made(sessions)
    async with sessions.begin() as session:
        app.state.mails.send(HELLO, session)
    kept = (await one(sessions)).arguments["text"]
    post.answers = ["451 Later"]
    await sample_tasks.run_due_jobs(app)
    assert post.mails.empty()
    async with sessions.begin() as session:
        await session.execute(update(Job).values(due_at=now()))
    await sample_tasks.run_due_jobs(app)
    came = await asyncio.to_thread(post.next)
    assert came["Message-ID"] in kept
    assert HELLO.to not in capsys.readouterr().out


async def test_what_is_refused_for_good_is_not_tried_again(
    sessions: Sessions, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    app = made(sessions)
    async with sessions.begin() as session:
        app.state.mails.send(HELLO, session)
    post.answers = ["550 No"]
    await sample_tasks.run_due_jobs(app)
    assert (await one(sessions)).state is JobState.DEAD
    assert HELLO.to not in capsys.readouterr().out


async def test_without_a_server_mails_are_shown_here(sessions: Sessions) -> None:
    app = made(sessions)
    async with lifespan(app), sessions.begin() as session:
        app.state.mails.send(HELLO, session)
    assert len(app.state.mails.shown.mails) == 1
