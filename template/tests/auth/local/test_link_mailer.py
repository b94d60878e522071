"""Links for people who sign in, as mails that a real server takes."""

import asyncio
import re
from collections.abc import AsyncGenerator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app import email
from app.auth.local import link_mailer
from app.auth.local.link_mailer import AccountMailSettings, LinkMailer
from app.settings import ConfigurationError, read
from tests.support.auth import make_user
from tests.support.live_server import lifespan
from tests.support.local import PASSWORD
from tests.support.smtp import Post, running

URL = "/api/v1/auth"


@pytest.fixture
async def post(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Post, None]:
    """Run a server that takes what the service sends, from an outbox of its own."""
    post, mailing = Post(), FastAPI()
    with running(post) as url:
        monkeypatch.setenv("EMAIL_URL", url)
        email.install(mailing)
        link_mailer.install(mailing)
        kept, app.state.outgoing = app.state.outgoing, mailing.state.outgoing
        async with lifespan(mailing):
            yield post
        app.state.outgoing = kept


async def token(post: Post, letter: str) -> str:
    """Wait for a mail, and find the token of its link."""
    mail = await asyncio.to_thread(post.next)
    body = mail.get_body(["plain"])
    assert body is not None
    found = re.search(rf"http://localhost:3000/account/{letter}#(\S+)", body.get_content())
    assert found is not None
    return found[1]


async def test_who_registers_gets_a_link_that_works(client: AsyncClient, post: Post) -> None:
    new = {"email": "new@example.com", "password": PASSWORD}
    assert (await client.post(f"{URL}/register", json=new)).status_code == 202
    verified = await client.post(f"{URL}/verify", json={"token": await token(post, "verify")})
    assert verified.status_code == 204


async def test_who_is_there_already_is_told_so(
    client: AsyncClient, session: AsyncSession, post: Post
) -> None:
    user = await make_user(session)
    await client.post(f"{URL}/register", json={"email": user.email, "password": PASSWORD})
    assert await token(post, "known")


async def test_a_forgotten_password_is_set_anew(
    client: AsyncClient, session: AsyncSession, post: Post
) -> None:
    user = await make_user(session)
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    given = {"token": await token(post, "reset"), "password": f"{PASSWORD}!"}
    assert (await client.post(f"{URL}/reset-password", json=given)).status_code == 204


def test_links_leave_as_the_service_s_other_mails_do(app: FastAPI) -> None:
    assert isinstance(app.state.outgoing, LinkMailer)
    assert app.state.outgoing.mails is app.state.mails


def test_production_says_where_links_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="^ACCOUNT_MAIL_PAGE: "):
        read(AccountMailSettings)
