"""Mails that are kept until they are sent: a job sends each, whatever stops meanwhile."""

from email.message import EmailMessage

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.email import EmailSettings, Mail, Outbox
from app.email.message import compose
from app.jobs import ask
from app.tasks.mail_jobs import SEND, Letter

log = structlog.get_logger()


class KeptOutbox(Outbox):
    """Has mails sent by workers; where there is no server to send them to, they are shown here."""

    def __init__(self, app: FastAPI, chosen: EmailSettings) -> None:
        super().__init__(chosen)
        self.app = app

    def send(self, mail: Mail, session: AsyncSession | None = None) -> None:
        """Keep a mail in the transaction of what it tells of, or else in one of its own, soon."""
        if session is None or self.chosen.url is None:
            super().send(mail, session)
        else:
            keep(session, compose(mail, self.chosen.sender))

    async def deliver(self, message: EmailMessage) -> None:
        """Keep a mail for a worker; where that fails, send it from here."""
        if self.chosen.url is None:
            await super().deliver(message)
            return
        try:
            async with self.app.state.sessions.begin() as session:
                keep(session, message)
        except Exception:
            log.exception("a mail is not kept, and sent at once")
            await super().deliver(message)


def keep(session: AsyncSession, message: EmailMessage) -> None:
    """Have a worker send a mail, once all is committed."""
    ask(session, SEND, Letter(text=message.as_string()))


def install(app: FastAPI) -> None:
    """Have mails kept."""
    app.state.mails = KeptOutbox(app, app.state.mails.chosen)
