"""Signing in and out, over HTTP."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import SecretStr

from app.auth import PresentUser
from app.auth.local.accounts import Readers, Tokens
from app.auth.local.one_time_links import Links
from app.auth.local.refresh_cookie import Cookies, RevocationSession
from app.database import Session
from app.errors import Forbidden, Unauthenticated, error_responses
from app.schemas.auth import (
    Accepted,
    Login,
    OneTimeToken,
    PasswordChange,
    PasswordReset,
    PasswordResetRequest,
    PublicKeys,
    RefreshRequest,
    Registration,
    TokenPair,
)
from app.services import auth as logins

REFUSED = error_responses(Unauthenticated, Forbidden)

router = APIRouter(prefix="/auth", tags=["auth"])


Form = Annotated[OAuth2PasswordRequestForm, Depends()]


@router.post("/register", status_code=HTTPStatus.ACCEPTED, responses=error_responses(Forbidden))
async def register(
    session: Session, readers: Readers, tokens: Tokens, outgoing: Links, new: Registration
) -> Accepted:
    """Make an account; the answer is the same where there is one already."""
    return await logins.register(session, readers, tokens, outgoing, new)


@router.post("/login", responses=REFUSED)
async def login(
    session: Session, readers: Readers, tokens: Tokens, cookies: Cookies, given: Login
) -> TokenPair:
    """Sign in; a browser asks for its refresh token in a cookie."""
    return cookies.keep(
        await logins.log_in(session, readers, tokens, given.email, given.password),
        wanted=given.cookie,
    )


@router.post("/token", responses=REFUSED)
async def login_with_form(
    session: Session, readers: Readers, tokens: Tokens, cookies: Cookies, form: Form
) -> TokenPair:
    """Sign in as OAuth 2.0 has it (RFC 6749, section 4.3), which the documentation page uses."""
    return cookies.keep(
        await logins.log_in(
            session, readers, tokens, form.username.lower(), SecretStr(form.password)
        ),
        wanted=False,
    )


@router.post("/refresh", responses=REFUSED)
async def refresh(
    session: RevocationSession,
    tokens: Tokens,
    cookies: Cookies,
    given: RefreshRequest | None = None,
) -> TokenPair:
    """Exchange a refresh token, from the body or the cookie, for new tokens."""
    return cookies.renew(given, await logins.refresh(session, tokens, cookies.secret(given)))


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT, responses=REFUSED)
async def logout(session: Session, cookies: Cookies, given: RefreshRequest | None = None) -> None:
    """Sign out: void the refresh token and all that come from the same login."""
    return await logins.log_out(session, cookies.taken(given))


@router.post(
    "/verify", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(Unauthenticated)
)
async def verify(session: Session, tokens: Tokens, given: OneTimeToken) -> None:
    """Confirm an address with the token that was sent there."""
    return await logins.verify(session, tokens, given.token)


@router.post("/forgot-password", status_code=HTTPStatus.ACCEPTED)
async def forgot_password(
    readers: Readers, tokens: Tokens, outgoing: Links, given: PasswordResetRequest
) -> Accepted:
    """Ask for a link that sets a new password; the answer is the same for everybody."""
    return await logins.forgot_password(readers, tokens, outgoing, given.email)


@router.post(
    "/reset-password", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(Unauthenticated)
)
async def reset_password(session: Session, tokens: Tokens, given: PasswordReset) -> None:
    """Set a new password with the token that was sent; every other token is void from then on."""
    return await logins.reset_password(session, tokens, given)


@router.post("/change-password", status_code=HTTPStatus.NO_CONTENT)
async def change_password(
    session: Session, readers: Readers, user: PresentUser, change: PasswordChange
) -> None:
    """Set a new password; every token is void from then on."""
    return await logins.change_password(session, readers, user, change)


@router.get("/keys")
async def read_keys(tokens: Tokens) -> PublicKeys:
    """Show the keys that tokens are signed with, where others may know them (RFC 7517)."""
    return PublicKeys(keys=tokens.published())
