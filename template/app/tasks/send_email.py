"""Task that sends a queued e-mail, and retries for hours while the SMTP server is unavailable."""

from email import message_from_string
from email.message import EmailMessage
from email.policy import default

import aiosmtplib
import structlog
from pydantic import BaseModel

from app.email.queue import EMAIL_QUEUE, is_permanent, transmit
from app.jobs.task import GiveUpError, Task, TaskContext

log = structlog.get_logger()


class SerializedEmail(BaseModel):
    """An e-mail as text (RFC 5322), whose Message-ID is the same at each attempt."""

    text: str


class DeliveryError(Exception):
    """The SMTP server did not accept the message, so the job is retried."""


async def send(context: TaskContext, email: SerializedEmail) -> None:
    """Send the job's e-mail.

    Raises:
        GiveUpError: the server rejected it permanently (5xx).
        DeliveryError: a temporary error; a retry may succeed.
    """
    message = message_from_string(email.text, EmailMessage, policy=default)
    queue = EMAIL_QUEUE.get(context.app)
    try:
        await transmit(queue.config, message, queue.preview)
    except (aiosmtplib.SMTPException, OSError) as error:
        kind = GiveUpError if is_permanent(error) else DeliveryError
        # `from None`: the message of the error may contain the e-mail address.
        raise kind(type(error).__name__) from None
    log.info("email_sent", message_id=message["Message-ID"])


SEND = Task("send_mail", SerializedEmail, send, attempts=30, seconds=60)
