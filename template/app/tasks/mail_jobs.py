"""Mails are sent by workers, which try again for hours while the server is away."""

from email import message_from_string
from email.message import EmailMessage
from email.policy import default

import aiosmtplib
import structlog
from pydantic import BaseModel

from app.email.outbox import Outbox, is_final, transmit
from app.jobs.task import GiveUpError, Task, Work

log = structlog.get_logger()


class Letter(BaseModel):
    """A mail as it is sent (RFC 5322): with the same Message-ID each time."""

    text: str


class NotSentError(Exception):
    """The server did not take a mail."""


async def send(work: Work, letter: Letter) -> None:
    """Hand a mail to the server; what it refuses for good is not tried again."""
    message = message_from_string(letter.text, EmailMessage, policy=default)
    outbox: Outbox = work.app.state.mails
    try:
        await transmit(outbox.chosen, message, outbox.shown)
    except (aiosmtplib.SMTPException, OSError) as error:
        kind = GiveUpError if is_final(error) else NotSentError
        raise kind(type(error).__name__) from None  # it may name the address
    log.info("a mail is sent", mail=message["Message-ID"])


SEND = Task("send_mail", Letter, send, attempts=30, seconds=60)
