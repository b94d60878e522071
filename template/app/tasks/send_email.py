"""Mails are sent by workers, which try again for hours while the server is away."""

from email import message_from_string
from email.message import EmailMessage
from email.policy import default

import aiosmtplib
import structlog
from pydantic import BaseModel

from app.email.queue import EMAIL_QUEUE, is_final, transmit
from app.jobs.task import GiveUpError, Task, TaskContext

log = structlog.get_logger()


class SerializedEmail(BaseModel):
    """A mail as it is sent (RFC 5322): with the same Message-ID each time."""

    text: str


class DeliveryError(Exception):
    """The server did not take a mail."""


async def send(work: TaskContext, letter: SerializedEmail) -> None:
    """Hand a mail to the server; what it refuses for good is not tried again."""
    message = message_from_string(letter.text, EmailMessage, policy=default)
    queue = EMAIL_QUEUE.get(work.app)
    try:
        await transmit(queue.config, message, queue.preview)
    except (aiosmtplib.SMTPException, OSError) as error:
        kind = GiveUpError if is_final(error) else DeliveryError
        raise kind(type(error).__name__) from None  # it may name the address
    log.info("a mail is sent", mail=message["Message-ID"])


SEND = Task("send_mail", SerializedEmail, send, attempts=30, seconds=60)
