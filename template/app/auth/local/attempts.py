"""Request bodies of routes that verify passwords or send account e-mails, with throttling.

A route declares one of these types instead of the type of its body. Any other route that takes the
current password must do the same, or use `Throttle.attempt`.
"""

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from fastapi.security import OAuth2PasswordRequestForm
from starlette.requests import HTTPConnection

from app.auth import PresentUser
from app.auth.local.accounts import Readers, Tokens
from app.auth.local.throttle import THROTTLE, Throttle, Throttled
from app.auth.local.tokens import Purpose
from app.errors import Unavailable, error_responses
from app.logging import client_address
from app.models.user import User
from app.schemas.auth import (
    EmailChange,
    Login,
    PasswordChange,
    PasswordReset,
    PasswordResetRequest,
    Registration,
)
from app.schemas.user import normalize_email

THROTTLED = error_responses(Throttled, Unavailable)


async def throttle(connection: HTTPConnection) -> Throttle:
    """Return the throttle of the application (a dependency)."""
    return THROTTLE.get(connection.app)


async def address(connection: HTTPConnection) -> str:
    """Return the client's address (a dependency)."""
    return client_address(connection)


Attempts = Annotated[Throttle, Depends(throttle)]
Address = Annotated[str, Depends(address)]


async def attempted_login(
    attempts: Attempts, client: Address, body: Login
) -> AsyncGenerator[Login, None]:
    """Count a login as an attempt; the OAuth 2.0 form shares the count."""
    async with attempts.attempt(body.email, client):
        yield body


async def attempted_form(
    attempts: Attempts, client: Address, form: Annotated[OAuth2PasswordRequestForm, Depends()]
) -> AsyncGenerator[OAuth2PasswordRequestForm, None]:
    """Count a login with the OAuth 2.0 form as an attempt."""
    async with attempts.attempt(normalize_email(form.username), client):
        yield form


async def attempted_change(
    attempts: Attempts, client: Address, user: PresentUser, change: PasswordChange
) -> AsyncGenerator[PasswordChange, None]:
    """Count a change of the password as an attempt: a stolen access token allows guesses."""
    async with attempts.attempt(user.email, client):
        yield change


async def attempted_email_change(
    attempts: Attempts, client: Address, user: PresentUser, change: EmailChange
) -> AsyncGenerator[EmailChange, None]:
    """Count a change of the e-mail address as an attempt, and as a request for an e-mail."""
    async with attempts.attempt(user.email, client):
        await attempts.begin_mail(client)
        yield change


async def throttled_registration(
    attempts: Attempts, client: Address, new: Registration
) -> AsyncGenerator[Registration, None]:
    """Count a registration as a request for an e-mail; it also hashes a password."""
    with attempts.share(f"address {client}"):
        await attempts.begin_mail(client)
        yield new


async def throttled_request(
    attempts: Attempts, client: Address, body: PasswordResetRequest
) -> PasswordResetRequest:
    """Count a request for a password reset link, together with registrations."""
    await attempts.begin_mail(client)
    return body


async def throttled_reset(
    attempts: Attempts, client: Address, readers: Readers, signer: Tokens, body: PasswordReset
) -> AsyncGenerator[PasswordReset, None]:
    """Remember the address of a password reset: the owner may log in there despite guesses."""
    with attempts.share(f"address {client}"):
        claims = signer.read(body.token.get_secret_value(), Purpose.RESET)
        async with readers() as session:  # returns its connection before the request takes one
            user = await session.get(User, UUID(claims["sub"]))
        yield body
    if user:
        await attempts.succeed(user.email, client)


LoginAttempt = Annotated[Login, Depends(attempted_login, scope="function")]
FormAttempt = Annotated[OAuth2PasswordRequestForm, Depends(attempted_form, scope="function")]
ChangeAttempt = Annotated[PasswordChange, Depends(attempted_change, scope="function")]
EmailAttempt = Annotated[EmailChange, Depends(attempted_email_change, scope="function")]
ThrottledRegistration = Annotated[Registration, Depends(throttled_registration, scope="function")]
ThrottledRequest = Annotated[PasswordResetRequest, Depends(throttled_request)]
ThrottledReset = Annotated[PasswordReset, Depends(throttled_reset, scope="function")]
