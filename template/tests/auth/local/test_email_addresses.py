"""Tests of requests with unusual e-mail addresses: no server error, no user enumeration."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local import passwords
from app.models.user import User
from tests.support.auth import make_user
from tests.support.local import FAST_HASH, PASSWORD

URL = "/api/v1/auth"
KNOWN, UNKNOWN = "jürgen@example.com", "jörg@example.com"
ROUTES = ("register", "login", "forgot-password")


@pytest.fixture(autouse=True)
def _fast_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with cheap parameters, so that tests are fast."""
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)


def body(route: str, email: str) -> dict[str, str]:
    """Return the body of a request for an e-mail address."""
    return {"email": email} | ({} if route == "forgot-password" else {"password": PASSWORD})


@pytest.mark.parametrize("route", ROUTES)
async def test_non_ascii_address_returns_422_whether_it_exists_or_not(
    client: AsyncClient, session: AsyncSession, route: str
) -> None:
    session.add(User(email=KNOWN))  # by a release that accepted it
    await session.commit()
    known, unknown = [
        await client.post(f"{URL}/{route}", json=body(route, email)) for email in (KNOWN, UNKNOWN)
    ]
    assert known.status_code == unknown.status_code == 422
    assert known.json()["errors"] == unknown.json()["errors"]
    assert known.json()["errors"][0]["message"] == "Must have only ASCII characters before the @."


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("email", ["=?utf-8?q?a?=@example.com", '"a b"@example.com', "a@[::1]"])
async def test_address_that_no_header_can_contain_returns_422(
    client: AsyncClient, route: str, email: str
) -> None:
    response = await client.post(f"{URL}/{route}", json=body(route, email))
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == "body.email"


async def test_login_accepts_both_spellings_of_international_domain(
    client: AsyncClient, session: AsyncSession
) -> None:
    await make_user(session, email="ann@xn--bcher-kva.example.com")
    for email in ("Ann@Bücher.example.com", "ann@xn--bcher-kva.example.com"):
        form = {"username": email, "password": PASSWORD}
        assert (await client.post(f"{URL}/token", data=form)).status_code == 200
        assert (await client.post(f"{URL}/login", json=body("login", email))).status_code == 200


@pytest.mark.parametrize("email", [KNOWN, "=?utf-8?q?a?=@example.com", "\0", "@", "x" * 500])
async def test_login_form_with_invalid_address_returns_401(client: AsyncClient, email: str) -> None:
    form = {"username": email, "password": PASSWORD}
    assert (await client.post(f"{URL}/token", data=form)).status_code == 401
