"""Tests that weak passwords are rejected wherever a password is set, and that users get notices."""

import io
import sys
from collections.abc import Generator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local import cli, passwords
from app.auth.local.notices import Notice, NoticeKind
from app.models.user import User
from tests.support.auth import bearer, make_user
from tests.support.local import FAST_HASH, PASSWORD, LinkRecorder, recorded_links

URL = "/api/v1/auth"
NEW_PASSWORD = "another horse battery staple"
WEAK = ["password1234", "aaaaaaaaaaaa", "123456789012", "ann.smith@example.com", "Smith-Ann-1990"]
EMAIL = "ann.smith@example.com"


@pytest.fixture
def sent(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Generator[LinkRecorder, None, None]:
    """Record links and notices; hash passwords with cheap parameters."""
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)
    with recorded_links(app) as links:
        yield links


async def forgot_password(client: AsyncClient, user: User, sent: LinkRecorder) -> str:
    """Request a password reset; return the token of the link."""
    response = await client.post(f"{URL}/forgot-password", json={"email": user.email})
    assert response.status_code == 202
    return sent[-1].token


async def reset_password(client: AsyncClient, token: str, password: str) -> Response:
    body = {"token": token, "password": password}
    return await client.post(f"{URL}/reset-password", json=body)


async def change(client: AsyncClient, user: User, path: str, **body: str) -> Response:
    body = {"current": PASSWORD, **body}
    return await client.post(f"{URL}/{path}", json=body, headers=bearer(user))


def assert_weak(response: Response, location: str, password: str) -> None:
    """Check that a response names the field and the reason, without the password."""
    assert response.status_code == 422, response.text
    (problem,) = response.json()["errors"]
    assert (problem["location"], problem["code"]) == (location, "weak_password")
    assert problem["message"] == response.json()["detail"]
    assert password not in response.text


@pytest.mark.parametrize("password", WEAK)
async def test_registration_with_weak_password_returns_422(
    client: AsyncClient, session: AsyncSession, sent: LinkRecorder, password: str
) -> None:
    new = {"email": EMAIL, "password": password}
    unknown = await client.post(f"{URL}/register", json=new)
    assert_weak(unknown, "body.password", password)
    await make_user(session, email=EMAIL)
    known = await client.post(f"{URL}/register", json=new)
    assert known.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert list(sent) == []


async def test_password_reset_with_weak_password_keeps_link_valid(
    client: AsyncClient, session: AsyncSession, sent: LinkRecorder
) -> None:
    user = await make_user(session, email=EMAIL)
    token = await forgot_password(client, user, sent)
    for password in WEAK:
        assert_weak(await reset_password(client, token, password), "body.password", password)
    assert sent.notices == []
    assert (await reset_password(client, token, NEW_PASSWORD)).status_code == 204
    assert sent.notices == [Notice(EMAIL, NoticeKind.PASSWORD_CHANGED)]


async def test_invalid_link_with_weak_password_returns_401(
    client: AsyncClient, sent: LinkRecorder
) -> None:
    assert (await reset_password(client, "invalid", WEAK[0])).status_code == 401
    assert sent.notices == []


async def test_change_to_weak_password_returns_422(
    client: AsyncClient, session: AsyncSession, sent: LinkRecorder
) -> None:
    user = await make_user(session, email=EMAIL)
    for password in WEAK:
        response = await change(client, user, "change-password", new=password)
        assert_weak(response, "body.new", password)
    response = await change(client, user, "change-password", new=NEW_PASSWORD)
    assert response.status_code == 204
    assert sent.notices == [Notice(EMAIL, NoticeKind.PASSWORD_CHANGED)]


async def test_change_of_email_notifies_old_address(
    client: AsyncClient, session: AsyncSession, sent: LinkRecorder
) -> None:
    user = await make_user(session, email=EMAIL)
    response = await change(client, user, "change-email", email="new@example.com")
    assert response.status_code == 202
    body = {"token": sent[-1].token}
    assert (await client.post(f"{URL}/confirm-email", json=body)).status_code == 204
    assert sent.notices == [Notice(EMAIL, NoticeKind.EMAIL_CHANGED)]


@pytest.mark.parametrize("password", WEAK)
async def test_create_admin_with_weak_password_exits_with_reason(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(SystemExit, match="too easy to guess"):
        await cli.create_admin(EMAIL)
