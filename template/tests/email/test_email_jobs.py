"""Tests of the durable e-mail queue: transactional enqueue, retries, dead letters."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app import email
from app.email import Mail
from app.email.message import compose
from app.email.queue import EMAIL_QUEUE
from app.enums.job import JobState
from app.jobs.store import Sessions
from app.models.base import now
from app.models.job import Job
from app.tasks import email_queue
from app.tasks.email_queue import JobEmailQueue
from app.tasks.send_email import SEND
from tests.support import sample_tasks
from tests.support.live_server import lifespan
from tests.support.smtp import Mailbox, running

HELLO = Mail("you@example.com", "hello", {"service": "Shop"})


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Generator[Mailbox, None, None]:
    """Run an SMTP server, and set `EMAIL_URL`."""
    mailbox = Mailbox()
    with running(mailbox) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        yield mailbox


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Return a session factory for a database of this test."""
    _ = database_url
    async with sample_tasks.open_sessions() as sessions:
        yield sessions


def make_app(sessions: Sessions) -> FastAPI:
    """Return an application with e-mail and jobs only."""
    app = sample_tasks.minimal_app(sessions)
    app.state.tasks = {SEND.name: SEND}
    email.install(app)
    email_queue.install(app)
    return app


async def only_job(sessions: Sessions) -> Job:
    """Return the only row of the jobs table."""
    async with sessions() as session:
        return (await session.scalars(select(Job))).one()


def test_service_with_jobs_uses_durable_email_queue(app: FastAPI) -> None:
    assert isinstance(EMAIL_QUEUE.get(app), JobEmailQueue)


async def test_email_job_is_enqueued_in_caller_transaction(
    sessions: Sessions, mailbox: Mailbox
) -> None:
    app = make_app(sessions)
    async with sessions() as session:
        async with session.begin() as transaction:
            EMAIL_QUEUE.get(app).send(
                Mail("you@example.com", "hello", {"service": "Lost"}), session
            )
            await transaction.rollback()
        async with session.begin():
            EMAIL_QUEUE.get(app).send(HELLO, session)
    assert mailbox.attempts == 0
    await sample_tasks.run_due_jobs(make_app(sessions))  # as another process
    message = await asyncio.to_thread(mailbox.next)
    assert message["To"] == "you@example.com"
    assert message["Subject"] == "Hello from Shop"
    assert mailbox.attempts == 1
    assert (await only_job(sessions)).arguments == {}


async def test_email_without_transaction_is_enqueued_in_background(
    sessions: Sessions, mailbox: Mailbox
) -> None:
    app = make_app(sessions)
    async with lifespan(app):
        EMAIL_QUEUE.get(app).send(HELLO)
    assert mailbox.attempts == 0
    await sample_tasks.run_due_jobs(app)
    assert mailbox.attempts == 1


async def test_email_to_invalid_address_is_logged_and_transaction_committed(
    sessions: Sessions, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = mailbox
    emails = EMAIL_QUEUE.get(make_app(sessions))
    async with sessions.begin() as session:
        emails.send(Mail("jürgen@example.com", "hello", {"service": "Lost"}), session)
        emails.send(HELLO, session)
    assert HELLO.to in (await only_job(sessions)).arguments["text"]
    assert "InvalidAddressError" in capsys.readouterr().out


async def test_email_without_database_is_sent_directly(
    sessions: Sessions, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app(sessions)
    app.state.sessions = None
    emails = EMAIL_QUEUE.get(app)
    await emails.deliver(compose(HELLO, emails.config.sender))
    assert mailbox.attempts == 1
    assert "email_enqueue_failed" in capsys.readouterr().out


async def test_retried_email_has_same_message_id(
    sessions: Sessions, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app(sessions)
    async with sessions.begin() as session:
        EMAIL_QUEUE.get(app).send(HELLO, session)
    text = (await only_job(sessions)).arguments["text"]
    mailbox.replies = ["451 Later"]
    await sample_tasks.run_due_jobs(app)
    assert mailbox.mails.empty()
    async with sessions.begin() as session:
        await session.execute(update(Job).values(due_at=now()))
    await sample_tasks.run_due_jobs(app)
    message = await asyncio.to_thread(mailbox.next)
    assert message["Message-ID"] in text
    assert HELLO.to not in capsys.readouterr().out


async def test_email_is_not_retried_after_permanent_smtp_error(
    sessions: Sessions, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app(sessions)
    async with sessions.begin() as session:
        EMAIL_QUEUE.get(app).send(HELLO, session)
    mailbox.replies = ["550 No"]
    await sample_tasks.run_due_jobs(app)
    assert (await only_job(sessions)).state is JobState.DEAD
    assert HELLO.to not in capsys.readouterr().out


async def test_email_without_smtp_server_is_shown_in_preview(sessions: Sessions) -> None:
    app = make_app(sessions)
    async with lifespan(app), sessions.begin() as session:
        EMAIL_QUEUE.get(app).send(HELLO, session)
    assert len(EMAIL_QUEUE.get(app).preview.mails) == 1
