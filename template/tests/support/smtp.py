"""A mail server for the tests: a real one, which does as it is told."""

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


class Post:
    """Takes mails, or refuses them, and keeps what it took."""

    def __init__(self) -> None:
        self.mails: Queue[EmailMessage] = Queue()
        self.answers: list[str] = []  # to the next mails, before they are taken
        self.asked = 0
        self.encrypted: list[bool] = []

    async def handle_DATA(  # noqa: N802 - as the server calls it
        self, _: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Answer to a mail."""
        self.asked += 1
        self.encrypted.append(session.ssl is not None)
        if self.answers:
            return self.answers.pop(0)
        parser = BytesParser(EmailMessage, policy=POLICY)
        self.mails.put(parser.parsebytes(envelope.original_content or b""))
        return "250 OK"

    def next(self) -> EmailMessage:
        """Wait for a mail."""
        return self.mails.get(timeout=DEADLINE)


@contextmanager
def running(post: Post, tls: ssl.SSLContext | None = None) -> Generator[str, None, None]:
    """Run a server, and give its URL; with `tls`, it talks of nothing before STARTTLS."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # or it tells whom a mail is for
    port = free_port()
    controller = Controller(
        post,
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
