"""SMTP server for tests, on a real socket, with configurable replies."""

import logging
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as POLICY
from queue import Queue

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.live_server import free_port
from tests.support.timeouts import DEADLINE


class Mailbox:
    """SMTP handler that stores messages, or responds with the configured replies."""

    def __init__(self) -> None:
        self.mails: Queue[EmailMessage] = Queue()
        self.replies: list[str] = []  # to the next messages, instead of acceptance
        self.attempts = 0
        self.encrypted: list[bool] = []  # by attempt
        self.recipients: list[str] = []  # of all attempts (RCPT TO)

    async def handle_DATA(  # noqa: N802 - named by aiosmtpd
        self, _: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store a message, or return the next configured reply."""
        self.attempts += 1
        self.encrypted.append(session.ssl is not None)
        self.recipients += envelope.rcpt_tos
        if self.replies:
            return self.replies.pop(0)
        parser = BytesParser(EmailMessage, policy=POLICY)
        self.mails.put(parser.parsebytes(envelope.original_content or b""))
        return "250 OK"

    def next(self) -> EmailMessage:
        """Wait for the next stored message."""
        return self.mails.get(timeout=DEADLINE)


@contextmanager
def running(mailbox: Mailbox, tls: ssl.SSLContext | None = None) -> Generator[str, None, None]:
    """Run an SMTP server, and yield its URL.

    With `tls`, the server requires STARTTLS.
    """
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # INFO logs e-mail addresses
    port = free_port()
    controller = Controller(
        mailbox,
        "127.0.0.1",
        port,
        ready_timeout=DEADLINE,
        tls_context=tls,
        require_starttls=tls is not None,
    )
    controller.start()
    try:
        yield f"smtp://localhost:{port}" + ("" if tls else "?tls=off")
    finally:
        controller.stop()
