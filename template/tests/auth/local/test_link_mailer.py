"""Tests of one-time links by e-mail, over a real SMTP server."""

import asyncio
import re
from collections.abc import AsyncGenerator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import email
from app.auth.local import link_mailer
from app.auth.local.link_mailer import AccountMailSettings, LinkMailer
from app.auth.local.notices import Notice, NoticeKind
from app.auth.local.one_time_links import LINK_SENDER
from app.email.queue import EMAIL_QUEUE
from app.settings import ConfigurationError, read
from tests.support.auth import make_user
from tests.support.live_server import lifespan
from tests.support.local import PASSWORD
from tests.support.smtp import Mailbox, running

URL = "/api/v1/auth"


@pytest.fixture
async def mailbox(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Mailbox, None]:
    """Run an SMTP server; send the one-time links of the service to it."""
    mailbox, sender_app = Mailbox(), FastAPI()
    with running(mailbox) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        email.install(sender_app)
        link_mailer.install(sender_app)
        original = LINK_SENDER.get(app)
        LINK_SENDER.set(app, LINK_SENDER.get(sender_app))
        async with lifespan(sender_app):
            yield mailbox
        LINK_SENDER.set(app, original)


async def receive_token(mailbox: Mailbox, kind: str) -> str:
    """Wait for an e-mail; return the token in its link."""
    message = await asyncio.to_thread(mailbox.next)
    body = message.get_body(["plain"])
    assert body is not None
    match = re.search(rf"http://localhost:3000/account/{kind}#(\S+)", body.get_content())
    assert match is not None
    return match[1]


async def test_registration_sends_verification_link(client: AsyncClient, mailbox: Mailbox) -> None:
    new = {"email": "new@example.com", "password": PASSWORD}
    assert (await client.post(f"{URL}/register", json=new)).status_code == 202
    token = await receive_token(mailbox, "verify")
    assert (await client.post(f"{URL}/verify", json={"token": token})).status_code == 204


@pytest.mark.parametrize(
    ("email", "recipient"),
    [
        ("Ann@Bücher.example.com", "ann@xn--bcher-kva.example.com"),
        ("!#$%&'*+-/?=^_`{|}~@example.com", "!#$%&'*+-/?=^_`{|}~@example.com"),
        (f"{'x' * 64}@{'y' * 63}.{'z' * 63}.com", f"{'x' * 64}@{'y' * 63}.{'z' * 63}.com"),
    ],
    ids=["international domain", "symbols", "long"],
)
async def test_links_reach_unusual_address(
    client: AsyncClient, mailbox: Mailbox, email: str, recipient: str
) -> None:
    new = {"email": email, "password": PASSWORD}
    assert (await client.post(f"{URL}/register", json=new)).status_code == 202
    assert (await asyncio.to_thread(mailbox.next))["To"] == recipient
    forgotten = await client.post(f"{URL}/forgot-password", json={"email": email})
    assert forgotten.status_code == 202
    assert (await asyncio.to_thread(mailbox.next))["To"] == recipient
    assert mailbox.recipients == [recipient] * 2


async def test_registration_with_existing_email_notifies_user(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    user = await make_user(session)
    await client.post(f"{URL}/register", json={"email": user.email, "password": PASSWORD})
    reset = {"token": await receive_token(mailbox, "reset"), "password": f"{PASSWORD}!"}
    assert (await client.post(f"{URL}/reset-password", json=reset)).status_code == 204


async def test_emailed_link_resets_password(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    user = await make_user(session)
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    reset = {"token": await receive_token(mailbox, "reset"), "password": f"{PASSWORD}!"}
    assert (await client.post(f"{URL}/reset-password", json=reset)).status_code == 204


@pytest.mark.parametrize("kind", NoticeKind)
async def test_notice_is_sent_after_commit(
    app: FastAPI, session: AsyncSession, mailbox: Mailbox, kind: NoticeKind
) -> None:
    sender = LINK_SENDER.get(app)
    await session.execute(select(1))  # begins the transaction
    sender.notify(Notice("rolled-back@example.com", kind), session)
    await session.rollback()
    sender.notify(Notice("ann@example.com", kind), session)
    await session.commit()
    message = await asyncio.to_thread(mailbox.next)
    assert message["To"] == "ann@example.com"
    assert "was changed" in message["Subject"]


def test_link_mailer_sends_through_service_email_queue(app: FastAPI) -> None:
    mailer = LINK_SENDER.get(app)
    assert isinstance(mailer, LinkMailer)
    assert mailer.mails is EMAIL_QUEUE.get(app)


@pytest.mark.parametrize(
    "page", ["javascript:alert(1)", "http://example.com/account", "example.com", "https://"]
)
def test_account_mail_page_without_https_is_rejected_in_production(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("ACCOUNT_MAIL_PAGE", page)
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="^ACCOUNT_MAIL_PAGE: not an https:// URL"):
        read(AccountMailSettings)


def test_account_mail_page_may_be_http_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNT_MAIL_PAGE", "http://localhost:3000/account")
    assert read(AccountMailSettings).page == "http://localhost:3000/account"
    monkeypatch.setenv("ACCOUNT_MAIL_PAGE", "javascript:alert(1)")
    with pytest.raises(ConfigurationError, match="^ACCOUNT_MAIL_PAGE: "):
        read(AccountMailSettings)


def test_production_without_account_mail_page_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="^ACCOUNT_MAIL_PAGE: "):
        read(AccountMailSettings)
