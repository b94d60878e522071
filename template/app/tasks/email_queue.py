"""Durable e-mail queue that stores each e-mail as a job (transactional outbox).

A worker sends each e-mail at least once, even if processes are killed meanwhile.
"""

from email.message import EmailMessage

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import SESSIONS
from app.email import EmailQueue, EmailSettings
from app.email.queue import EMAIL_QUEUE, set_queue
from app.jobs import enqueue
from app.tasks.send_email import SEND, SerializedEmail

log = structlog.get_logger()


class JobEmailQueue(EmailQueue):
    """E-mail queue that enqueues each e-mail as a job.

    Without an SMTP server, each e-mail is shown in the preview instead.
    """

    def __init__(self, app: FastAPI, config: EmailSettings) -> None:
        super().__init__(config)
        self.app = app

    def send_message(self, message: EmailMessage, session: AsyncSession | None) -> None:
        """Enqueue a message in the session's transaction.

        Without a session, enqueue it in the background, in a new transaction.
        """
        if session is None or self.config.url is None:
            super().send_message(message, session)
        else:
            enqueue_email(session, message)

    async def deliver(self, message: EmailMessage) -> None:
        """Enqueue a message as a job; if that fails, send the message directly."""
        if self.config.url is None:
            await super().deliver(message)
            return
        try:
            async with SESSIONS.get(self.app).begin() as session:
                enqueue_email(session, message)
        except Exception:
            log.exception("email_enqueue_failed", message_id=message["Message-ID"])
            await super().deliver(message)


def enqueue_email(session: AsyncSession, message: EmailMessage) -> None:
    """Enqueue a job that sends a message after the commit."""
    enqueue(session, SEND, SerializedEmail(text=message.as_string()))


def install(app: FastAPI) -> None:
    """Replace the in-memory e-mail queue by the durable one."""
    set_queue(app, JobEmailQueue(app, EMAIL_QUEUE.get(app).config))
