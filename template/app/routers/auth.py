"""Routes for registration, login, token refresh and password reset."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import SecretStr

from app.auth import PresentUser
from app.auth.local.accounts import Readers, Tokens
from app.auth.local.attempts import (
    THROTTLED,
    ChangeAttempt,
    EmailAttempt,
    FormAttempt,
    LoginAttempt,
    ThrottledRegistration,
    ThrottledRequest,
    ThrottledReset,
)
from app.auth.local.one_time_links import Links
from app.auth.local.refresh_cookie import Cookies, RevocationSession
from app.database import Session
from app.errors import Conflict, Forbidden, Unauthenticated, error_responses
from app.schemas.auth import (
    Accepted,
    OneTimeToken,
    PublicKeys,
    RefreshRequest,
    TokenPair,
)
from app.schemas.user import normalize_email
from app.services import auth as logins

REJECTED = error_responses(Unauthenticated, Forbidden)

router = APIRouter(prefix="/auth", tags=["auth"], responses=THROTTLED)

UserAgent = Annotated[str, Header(include_in_schema=False)]


@router.post("/register", status_code=HTTPStatus.ACCEPTED, responses=error_responses(Forbidden))
async def register(
    session: Session, readers: Readers, signer: Tokens, links: Links, new: ThrottledRegistration
) -> Accepted:
    """Register an account. The response does not reveal whether the address already has one."""
    return await logins.register(session, readers, signer, links, new)


@router.post("/login", responses=REJECTED)
async def login(
    session: Session,
    readers: Readers,
    signer: Tokens,
    cookies: Cookies,
    body: LoginAttempt,
    user_agent: UserAgent = "",
) -> TokenPair:
    """Log in. Set `cookie` to receive the refresh token as an HttpOnly cookie."""
    return cookies.store(
        await logins.log_in(session, readers, signer, body.email, body.password, user_agent),
        in_cookie=body.cookie,
    )


@router.post("/token", responses=REJECTED)
async def login_with_form(
    session: Session,
    readers: Readers,
    signer: Tokens,
    cookies: Cookies,
    form: FormAttempt,
    user_agent: UserAgent = "",
) -> TokenPair:
    """Log in with the OAuth 2.0 password grant (RFC 6749, section 4.3), which /docs uses."""
    return cookies.store(
        await logins.log_in(
            session,
            readers,
            signer,
            normalize_email(form.username),
            SecretStr(form.password),
            user_agent,
        ),
        in_cookie=False,
    )


@router.post("/refresh", responses=REJECTED)
async def refresh(
    session: RevocationSession,
    signer: Tokens,
    cookies: Cookies,
    body: RefreshRequest | None = None,
) -> TokenPair:
    """Exchange the refresh token in the body or the cookie for new tokens (rotation)."""
    return cookies.rotate(body, await logins.refresh(session, signer, cookies.refresh_token(body)))


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT, responses=REJECTED)
async def logout(session: Session, cookies: Cookies, body: RefreshRequest | None = None) -> None:
    """Log out. Ends the session, and so revokes all tokens of the same login."""
    return await logins.log_out(session, cookies.pop(body))


@router.post(
    "/verify", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(Unauthenticated)
)
async def verify(session: Session, signer: Tokens, body: OneTimeToken) -> None:
    """Verify an e-mail address with the token of a one-time link."""
    return await logins.verify(session, signer, body.token)


@router.post("/forgot-password", status_code=HTTPStatus.ACCEPTED)
async def forgot_password(
    readers: Readers, signer: Tokens, links: Links, body: ThrottledRequest
) -> Accepted:
    """Request a password reset link. The response does not reveal whether an account exists."""
    return await logins.forgot_password(readers, signer, links, body.email)


@router.post(
    "/reset-password", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(Unauthenticated)
)
async def reset_password(
    session: Session, signer: Tokens, links: Links, body: ThrottledReset
) -> None:
    """Set a new password with the token of a one-time link. Revokes all tokens and API keys."""
    return await logins.reset_password(session, signer, links, body)


@router.post("/change-password", status_code=HTTPStatus.NO_CONTENT)
async def change_password(
    session: Session, readers: Readers, links: Links, user: PresentUser, change: ChangeAttempt
) -> None:
    """Change the current user's password. Revokes all of the user's tokens and API keys."""
    return await logins.change_password(session, readers, links, user, change)


@router.post("/change-email", status_code=HTTPStatus.ACCEPTED)
async def change_email(
    readers: Readers, signer: Tokens, links: Links, user: PresentUser, change: EmailAttempt
) -> Accepted:
    """Request a new e-mail address. A link to the new address confirms it."""
    return await logins.change_email(readers, signer, links, user, change)


@router.post(
    "/confirm-email",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(Unauthenticated, Conflict),
)
async def confirm_email(session: Session, signer: Tokens, links: Links, body: OneTimeToken) -> None:
    """Confirm a new e-mail address with the token of a one-time link."""
    return await logins.confirm_email(session, signer, links, body.token)


@router.get("/keys")
async def read_keys(signer: Tokens) -> PublicKeys:
    """Return the public keys that verify access tokens, as a JSON Web Key Set (RFC 7517)."""
    return PublicKeys(keys=signer.public_keys())
