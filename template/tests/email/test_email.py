"""Mails: what they say, and how they get to a real server."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import trustme
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app import email
from app.email import EmailQueue, EmailSettings, Mail, cli, queue
from app.email.message import compose
from app.main import create_app
from app.settings import ConfigurationError, read
from tests.support.live_server import lifespan
from tests.support.smtp import Post, running

HELLO = Mail("you@example.com", "hello", {"service": "Shop"})


@pytest.fixture
def post() -> Post:
    """Take mails."""
    return Post()


@pytest.fixture
def url(post: Post, monkeypatch: pytest.MonkeyPatch) -> Generator[str, None, None]:
    """Run a server, and name it in the environment."""
    with running(post) as found:
        monkeypatch.setenv("EMAIL_URL", found)
        yield found


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(queue, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
async def mails(url: str) -> AsyncGenerator[EmailQueue, None]:
    """Send mails."""
    _ = url
    app = FastAPI()
    email.install(app)
    async with lifespan(app):
        yield app.state.mails


async def taken(post: Post) -> str:
    """Wait for the next mail, and give its text."""
    message = await asyncio.to_thread(post.next)
    body = message.get_body(["plain"])
    assert body is not None
    return str(body.get_content())


async def test_a_mail_comes_as_text_and_as_html(mails: EmailQueue, post: Post) -> None:
    mails.put(compose(HELLO, "Shop <shop@example.com>"))
    came = await asyncio.to_thread(post.next)
    assert (came["To"], came["From"]) == ("you@example.com", "Shop <shop@example.com>")
    assert (came["Subject"], came["Auto-Submitted"]) == ("Hello from Shop", "auto-generated")
    assert came["Message-ID"].endswith("@example.com>")
    text, html = came.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == "Mails of Shop arrive here.\n"
    assert "<p>Mails of Shop arrive here.</p>" in html.get_content()


async def test_a_mail_is_sent_once_all_is_committed(
    app: FastAPI, mails: EmailQueue, post: Post
) -> None:
    async with app.state.sessions() as session:
        async with session.begin() as transaction:
            mails.send(Mail("you@example.com", "hello", {"service": "Lost"}), session)
            await transaction.rollback()
        async with session.begin():
            mails.send(HELLO, session)
            assert mails.waiting.empty()
    assert "Shop" in await taken(post)
    assert post.asked == 1


async def test_a_server_that_is_busy_is_tried_again(mails: EmailQueue, post: Post) -> None:
    post.answers = ["451 Later", "421 Later"]
    mails.put(compose(HELLO, mails.config.sender))
    assert "Shop" in await taken(post)
    assert post.asked == 3


@pytest.mark.parametrize(("answer", "times"), [("550 No", 1), ("451 Later", 4)])
async def test_what_cannot_be_sent_is_told_in_the_log(
    mails: EmailQueue, post: Post, capsys: pytest.CaptureFixture[str], answer: str, times: int
) -> None:
    post.answers = [answer] * 9
    mails.put(compose(HELLO, mails.config.sender))
    await mails.waiting.join()
    said = capsys.readouterr().out
    assert post.asked == times
    assert "a mail is not sent" in said
    assert HELLO.to not in said


async def test_a_server_that_is_away_keeps_nobody_from_the_next(
    mails: EmailQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = mails.config.model_copy(update={"url": queue.server("smtp://localhost:9?tls=off")})
    away = EmailQueue(gone)
    await away.deliver(compose(HELLO, gone.sender))
    assert "SMTPConnectError" in capsys.readouterr().out


async def test_mails_that_wait_are_sent_before_the_process_stops(url: str, post: Post) -> None:
    _ = url
    app = FastAPI()
    email.install(app)
    async with lifespan(app):
        for _ in range(9):
            app.state.mails.put(compose(HELLO, app.state.mails.config.sender))
    assert post.mails.qsize() == 9


async def test_no_more_wait_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(queue, "WAITING", 1)
    full = EmailQueue(read(EmailSettings))
    for _ in range(2):
        full.put(compose(HELLO, full.config.sender))
    assert "too many wait" in capsys.readouterr().out


async def test_a_server_is_spoken_to_in_secret(
    post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with running(post, context) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        config = read(EmailSettings)
        await EmailQueue(config).deliver(compose(HELLO, config.sender))
        assert post.encrypted == []  # nobody vouches for it
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await EmailQueue(config).deliver(compose(HELLO, config.sender))
    assert post.encrypted == [True]


def test_a_value_is_no_html() -> None:
    mail = Mail("you@example.com", "hello", {"service": "<b>&"})
    text, html = compose(mail, "shop@example.com").iter_parts()
    assert "<b>&" in text.get_content()
    assert "&lt;b&gt;&amp;" in html.get_content()


@pytest.mark.parametrize("address", ["a@example.com\nBcc: b@example.com", "nobody", ""])
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compose(Mail(address, "hello", {"service": "Shop"}), "shop@example.com")


def test_a_subject_has_one_line() -> None:
    mail = Mail("you@example.com", "hello", {"service": "a\nBcc: b@example.com"})
    message = compose(mail, "shop@example.com")
    assert message["Bcc"] is None


def test_a_mail_does_not_tell_what_it_holds() -> None:
    assert repr(Mail("you@example.com", "hello", {"token": "secret"})) == "Mail('hello')"


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "https://mail.example.com", "smtp://user:hunter2@mail.example.com?tls=off"],
)
def test_production_refuses_what_sends_nothing_or_tells_secrets(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    if url:
        monkeypatch.setenv("EMAIL_URL", url)
    with pytest.raises(ConfigurationError, match="^EMAIL_URL: ") as refused:
        read(EmailSettings)
    assert "hunter2" not in str(refused.value)


async def test_the_command_line_sends_one(url: str, post: Post) -> None:
    _ = url
    assert await cli.mail("you@example.com") == "localhost took it, unencrypted."
    assert "arrive here" in await taken(post)


async def test_without_a_server_the_command_line_says_so() -> None:
    assert await cli.mail("you@example.com") == cli.NOWHERE


async def test_development_shows_its_mails(
    monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("ENVIRONMENT", "development")
    made = create_app()
    async with AsyncClient(transport=ASGITransport(made), base_url="http://test") as client:
        outbox_of_app: EmailQueue = made.state.mails
        await outbox_of_app.deliver(compose(HELLO, outbox_of_app.config.sender))
        assert "Hello from Shop" in (await client.get("/dev/mails")).text
        shown = await client.get("/dev/mails/0")
        assert "Mails of Shop arrive here." in shown.text
        assert "sandbox" in shown.text
        assert (await client.get("/dev/mails/1")).status_code == 404


async def test_nobody_else_shows_them(client: AsyncClient) -> None:
    assert (await client.get("/dev/mails")).status_code == 404
