"""Mails that are kept until they are sent: a job sends each, whatever stops meanwhile."""

from email.message import EmailMessage

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import SESSIONS
from app.email import EmailQueue, EmailSettings, Mail
from app.email.message import compose
from app.email.queue import EMAIL_QUEUE, set_queue
from app.jobs import enqueue
from app.tasks.send_email import SEND, SerializedEmail

log = structlog.get_logger()


class JobEmailQueue(EmailQueue):
    """Has mails sent by workers; where there is no server to send them to, they are shown here."""

    def __init__(self, app: FastAPI, config: EmailSettings) -> None:
        super().__init__(config)
        self.app = app

    def send(self, mail: Mail, session: AsyncSession | None = None) -> None:
        """Keep a mail in the transaction of what it tells of, or else in one of its own, soon."""
        if session is None or self.config.url is None:
            super().send(mail, session)
        else:
            enqueue_email(session, compose(mail, self.config.sender))

    async def deliver(self, message: EmailMessage) -> None:
        """Keep a mail for a worker; where that fails, send it from here."""
        if self.config.url is None:
            await super().deliver(message)
            return
        try:
            async with SESSIONS.get(self.app).begin() as session:
                enqueue_email(session, message)
        except Exception:
            log.exception("a mail is not kept, and sent at once")
            await super().deliver(message)


def enqueue_email(session: AsyncSession, message: EmailMessage) -> None:
    """Have a worker send a mail, once all is committed."""
    enqueue(session, SEND, SerializedEmail(text=message.as_string()))


def install(app: FastAPI) -> None:
    """Have mails kept."""
    set_queue(app, JobEmailQueue(app, EMAIL_QUEUE.get(app).config))
