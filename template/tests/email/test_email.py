"""Tests of e-mail: composition, queue, retries, TLS, over a real SMTP server."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import trustme
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app import checks, email
from app.email import EmailQueue, EmailSettings, Mail, cli, queue
from app.email.message import InvalidAddressError, compose
from app.email.queue import EMAIL_QUEUE
from app.main import create_app
from app.settings import ConfigurationError, read
from tests.support.live_server import lifespan
from tests.support.smtp import Mailbox, running

HELLO = Mail("you@example.com", "hello", {"service": "Shop"})
TEXT = "This is a test e-mail from Shop. E-mail delivery works."


@pytest.fixture
def mailbox() -> Mailbox:
    """Return the handler that stores the messages of the SMTP server."""
    return Mailbox()


@pytest.fixture
def url(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Generator[str, None, None]:
    """Run an SMTP server, and set `EMAIL_URL`."""
    with running(mailbox) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        yield url


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry failed e-mails without delay."""
    monkeypatch.setattr(queue, "RETRY_DELAYS", (0.0, 0.0, 0.0))


@pytest.fixture
async def emails(url: str) -> AsyncGenerator[EmailQueue, None]:
    """Run the e-mail queue of a service that sends to the SMTP server."""
    _ = url
    app = FastAPI()
    email.install(app)
    async with lifespan(app):
        yield EMAIL_QUEUE.get(app)


async def receive_text(mailbox: Mailbox) -> str:
    """Wait for the next e-mail; return its plain text."""
    message = await asyncio.to_thread(mailbox.next)
    body = message.get_body(["plain"])
    assert body is not None
    return str(body.get_content())


async def test_email_has_plain_text_and_html_part(emails: EmailQueue, mailbox: Mailbox) -> None:
    emails.put(compose(HELLO, "Shop <shop@example.com>"))
    message = await asyncio.to_thread(mailbox.next)
    assert message["To"] == "you@example.com"
    assert message["From"] == "Shop <shop@example.com>"
    assert message["Subject"] == "Hello from Shop"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")
    text, html = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert html.get_content_type() == "text/html"
    assert text.get_content().replace("\r\n", "\n") == f"{TEXT}\n"
    assert f"<p>{TEXT}</p>" in html.get_content()


async def test_email_is_sent_only_after_commit(
    app: FastAPI, emails: EmailQueue, mailbox: Mailbox
) -> None:
    async with app.state.sessions() as session:
        async with session.begin() as transaction:
            emails.send(Mail("you@example.com", "hello", {"service": "Lost"}), session)
            await transaction.rollback()
        async with session.begin():
            emails.send(HELLO, session)
            assert emails.waiting.empty()
    assert "Shop" in await receive_text(mailbox)
    assert mailbox.attempts == 1


async def test_email_is_retried_after_temporary_smtp_error(
    emails: EmailQueue, mailbox: Mailbox
) -> None:
    mailbox.replies = ["451 Later", "421 Later"]
    emails.put(compose(HELLO, emails.config.sender))
    assert "Shop" in await receive_text(mailbox)
    assert mailbox.attempts == 3


@pytest.mark.parametrize(("reply", "attempts"), [("550 No", 1), ("451 Later", 4)])
async def test_email_is_logged_after_last_failed_attempt(
    emails: EmailQueue,
    mailbox: Mailbox,
    capsys: pytest.CaptureFixture[str],
    reply: str,
    attempts: int,
) -> None:
    mailbox.replies = [reply] * 9
    emails.put(compose(HELLO, emails.config.sender))
    await emails.waiting.join()
    output = capsys.readouterr().out
    assert mailbox.attempts == attempts
    assert "email_failed" in output
    assert HELLO.to not in output


async def test_unreachable_smtp_server_is_logged(
    emails: EmailQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    url = queue.parse_server_url("smtp://localhost:9?tls=off")
    config = emails.config.model_copy(update={"url": url})
    await EmailQueue(config).deliver(compose(HELLO, config.sender))
    assert "SMTPConnectError" in capsys.readouterr().out


async def test_queued_emails_are_sent_on_shutdown(url: str, mailbox: Mailbox) -> None:
    _ = url
    app = FastAPI()
    email.install(app)
    emails = EMAIL_QUEUE.get(app)
    async with lifespan(app):
        for _ in range(9):
            emails.put(compose(HELLO, emails.config.sender))
    assert mailbox.mails.qsize() == 9


async def test_full_email_queue_drops_emails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUED", 1)
    full = EmailQueue(read(EmailSettings))
    for _ in range(2):
        full.put(compose(HELLO, full.config.sender))
    output = capsys.readouterr().out
    assert "email_dropped" in output
    assert "queue_full" in output


async def test_starttls_requires_trusted_certificate(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with running(mailbox, context) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        config = read(EmailSettings)
        await EmailQueue(config).deliver(compose(HELLO, config.sender))
        assert mailbox.encrypted == []  # unknown certificate authority
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await EmailQueue(config).deliver(compose(HELLO, config.sender))
    assert mailbox.encrypted == [True]


async def test_check_signs_in_at_smtp_server(
    url: str, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    (probe,) = read(EmailSettings).connections().values()
    assert await checks.failure(probe) == ""
    assert mailbox.recipients == []
    monkeypatch.setenv("EMAIL_URL", url.replace("//", "//user:hunter2@"))
    (probe,) = read(EmailSettings).connections().values()
    reason = await checks.failure(probe)
    assert "unavailable (SMTP" in reason
    assert "hunter2" not in reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Postmark, Amazon SES, Mailgun
        ("smtp://token:token@smtp.postmarkapp.com:587", ("smtp", "token", "token", 587)),
        ("SMTP://AKIA:a%2Fb+c%3D@h:587", ("smtp", "AKIA", "a/b+c=", 587)),
        (
            "smtp://postmaster%40mg.example:p%40ss@h",
            ("smtp", "postmaster@mg.example", "p@ss", None),
        ),
        (" smtps://u:p@h:465\n", ("smtps", "u", "p", 465)),
    ],
)
def test_url_of_host_is_parsed(text: str, expected: tuple[object, ...]) -> None:
    parsed = queue.parse_server_url(text)
    assert (parsed.drivername, parsed.username, parsed.password, parsed.port) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("smtp://u:hunter2@h?tls=on", "tls is not off"),
        ("smtp://u:hunter2@h?encryption=tls", "encryption is not supported, only tls"),
        ("http://u:hunter2@h", "smtp://"),
        ("smtp://u:hunter2@h:0", "port is not a number from 1 to 65535"),
    ],
)
def test_invalid_url_error_names_problem_and_hides_password(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        queue.parse_server_url(text)
    assert "hunter2" not in str(caught.value)


def test_values_in_html_part_are_escaped() -> None:
    mail = Mail("you@example.com", "hello", {"service": "<b>&"})
    text, html = compose(mail, "shop@example.com").iter_parts()
    assert "<b>&" in text.get_content()
    assert "&lt;b&gt;&amp;" in html.get_content()


INVALID_ADDRESSES = (
    *("a@example.com\nBcc: b@example.com", "nobody", "", "@", '"0@', "=@[<", '"=@[', "a b@c.com"),
    *("jürgen@example.com", "=?utf-8?q?a?=@example.com", '"a>b"@example.com', "a@example.com."),
)


@pytest.mark.parametrize("address", INVALID_ADDRESSES)
def test_invalid_recipient_address_is_rejected(address: str) -> None:
    with pytest.raises(InvalidAddressError):
        compose(Mail(address, "hello", {"service": "Shop"}), "shop@example.com")


async def test_email_to_invalid_address_is_logged_and_next_one_sent(
    emails: EmailQueue, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    for address in INVALID_ADDRESSES:
        emails.send(Mail(address, "hello", {"service": "Lost"}))
    emails.send(HELLO)
    assert "Shop" in await receive_text(mailbox)
    assert mailbox.recipients == [HELLO.to]
    output = capsys.readouterr().out
    assert output.count("InvalidAddressError") == len(INVALID_ADDRESSES)
    assert "jürgen" not in output


async def test_mail_command_with_invalid_address_exits_with_error(url: str) -> None:
    _ = url
    with pytest.raises(SystemExit, match="Invalid e-mail address: 'jürgen@example.com'"):
        await cli.mail("jürgen@example.com")


def test_line_break_in_subject_cannot_inject_headers() -> None:
    mail = Mail("you@example.com", "hello", {"service": "a\nBcc: b@example.com"})
    message = compose(mail, "shop@example.com")
    assert message["Bcc"] is None


def test_mail_repr_hides_recipient_and_values() -> None:
    assert repr(Mail("you@example.com", "hello", {"token": "secret"})) == "Mail('hello')"


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "https://mail.example.com", "smtp://user:hunter2@mail.example.com?tls=off"],
)
def test_production_rejects_unsafe_email_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    if url:
        monkeypatch.setenv("EMAIL_URL", url)
    with pytest.raises(ConfigurationError, match="^EMAIL_URL: ") as raised:
        read(EmailSettings)
    assert "hunter2" not in str(raised.value)


async def test_mail_command_sends_test_email(url: str, mailbox: Mailbox) -> None:
    _ = url
    assert await cli.mail("you@example.com") == "localhost accepted the e-mail (unencrypted)."
    assert "This is a test e-mail" in await receive_text(mailbox)


async def test_mail_command_without_smtp_server_sends_nothing() -> None:
    assert await cli.mail("you@example.com") == cli.NO_SERVER


async def test_development_shows_email_preview(
    monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("ENVIRONMENT", "development")
    app = create_app()
    emails = EMAIL_QUEUE.get(app)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        await emails.deliver(compose(HELLO, emails.config.sender))
        assert "Hello from Shop" in (await client.get("/dev/mails")).text
        page = await client.get("/dev/mails/0")
        assert TEXT in page.text
        assert "sandbox" in page.text
        assert (await client.get("/dev/mails/1")).status_code == 404


async def test_email_preview_outside_development_returns_404(client: AsyncClient) -> None:
    assert (await client.get("/dev/mails")).status_code == 404
