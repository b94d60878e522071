"""Registration, login, token refresh and password reset.

Passwords are hashed while no database connection is held. A login of an unknown user computes a
hash too, so a timing attack does not reveal which accounts exist.
"""

from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, NoReturn
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.auth.local import passwords
from app.auth.local.notices import Notice, NoticeKind
from app.auth.local.one_time_links import LinkKind, OneTimeLink, RequestLinks
from app.auth.local.password_strength import require_strength
from app.auth.local.tokens import INVALID, Claims, Purpose, Signer
from app.auth.token_hashing import digest
from app.database import flush
from app.errors import Conflict, Forbidden, Unauthenticated
from app.models.audit_event import Action
from app.models.base import now, uuid7
from app.models.password import Password
from app.models.refresh_token import RefreshToken
from app.models.user import User
from app.models.user_session import UserSession
from app.schemas.auth import (
    Accepted,
    EmailChange,
    PasswordChange,
    PasswordReset,
    Registration,
    TokenPair,
)
from app.services import audit_event as audit_events
from app.services import user as users
from app.services import user_session as user_sessions

# Reuse within this time is a concurrent request of the same client; later, it is theft.
GRACE = timedelta(seconds=10)
LINK_LIFETIME = timedelta(minutes=30)
INVITATION_LIFETIME = timedelta(days=7)
INVALID_LOGIN = "Invalid e-mail address or password, or the address is not verified."
NOT_CURRENT = "The current password is wrong."

Readers = async_sessionmaker[AsyncSession]


class ReusedRefreshToken(Unauthenticated):
    """A used refresh token was sent again, so its token family is revoked."""


async def register(
    session: AsyncSession, readers: Readers, signer: Signer, links: RequestLinks, new: Registration
) -> Accepted:
    """Create a user and send a verification link.

    A user who already exists receives a password reset link instead.

    The response is the same in both cases, so it does not reveal which accounts exist.

    Raises:
        Forbidden: registration is disabled.
        Invalid: the password is easy to guess.
    """
    if not signer.config.allows_registration:
        message = "Registration is disabled. Ask an administrator for an account."
        raise Forbidden(message)
    require_strength(new.password, "password", new.email)
    new_hash = await passwords.hash_password(new.password.get_secret_value())
    user, _ = await _find_credentials(readers, new.email)
    link = None if user else await _create(session, signer, new.email, new_hash)
    link = link or await _register_again(session, signer, new.email)
    if link:
        await links.send(link, session)
    return Accepted()


async def _create(
    session: AsyncSession, signer: Signer, email: str, password_hash: str
) -> OneTimeLink | None:
    """Create a user; return the verification link, or None if the address is registered."""
    user = User(id=uuid7(), email=email)
    try:
        async with session.begin_nested():
            session.add(user)
            await flush(session)
            session.add(Password(user_id=user.id, hash=password_hash))
            await audit_events.record(session, Action.USER_CREATED, ("user", user.id))
    except Conflict:
        return None  # by a concurrent request, or by a user who was deleted
    token = _link_token(signer, user, password_hash, Purpose.VERIFY)
    return OneTimeLink(email, LinkKind.VERIFY, token)


async def _register_again(session: AsyncSession, signer: Signer, email: str) -> OneTimeLink | None:
    """Return a password reset link for a user who is registered again; None if deleted.

    Delete the password of an unverified address: whoever chose it may not own the address
    (account pre-hijacking). The owner sets another one with the reset link.
    """
    user = await users.lock_by_email(session, email)
    if user is None:
        return None
    if user.verified_at is None and signer.config.require_verified:
        await session.execute(delete(Password).where(Password.user_id == user.id))
    password_hash = await _password_hash(session, user.id)
    token = _link_token(signer, user, password_hash, Purpose.RESET)
    return OneTimeLink(email, LinkKind.KNOWN, token)


async def log_in(
    session: AsyncSession,
    readers: Readers,
    signer: Signer,
    email: str,
    password: SecretStr,
    user_agent: str,
) -> TokenPair:
    """Verify e-mail address and password, begin a session, and return its first tokens.

    Raises:
        Unauthenticated: wrong address or password, or a user who may not log in; the message is
            the same.
    """
    user, password_hash = await _find_credentials(readers, email)
    matches, new_hash = await passwords.verify_password(password.get_secret_value(), password_hash)
    if user is None or not matches:
        raise _failed_login(user, "wrong_password" if user else "unknown_user")
    locked = await _lock_with_password(session, user.id, password_hash)
    if locked is None or not _may_log_in(signer, locked):
        raise _failed_login(user, "disabled_or_unverified" if locked else "wrong_password")
    if new_hash:  # parameters of Argon2id are outdated
        await session.execute(
            update(Password).where(Password.user_id == user.id).values(hash=new_hash)
        )
    lifetime = timedelta(days=signer.config.session_days)
    began = await user_sessions.begin(session, locked, lifetime, user_agent)
    await audit_events.record(session, Action.LOGIN, ("user", user.id), session=str(began.id))
    return await issue_tokens(session, signer, began)


def _failed_login(user: User | None, reason: str) -> Unauthenticated:
    """Record a failed login, and return its error, which does not contain the reason."""
    target = ("user", user.id) if user else None
    audit_events.record_failure(Action.LOGIN_FAILED, target, reason=reason)
    return Unauthenticated(INVALID_LOGIN)


def _may_log_in(signer: Signer, user: User) -> bool:
    """Return whether a user is neither disabled nor, if that is required, unverified."""
    is_verified = user.verified_at is not None or not signer.config.require_verified
    return user.is_active and is_verified


async def _lock_with_password(
    session: AsyncSession, user_id: UUID, password_hash: str | None
) -> User | None:
    """Return a user locked FOR UPDATE, or None if the user has another password meanwhile.

    The lock serializes logins, changes of the password and revocations of a user. One of them may
    have been committed while the password was verified, so user and hash are read again.
    """
    user = await users.lock(session, user_id)
    is_unchanged = await _password_hash(session, user_id) == password_hash
    return user if is_unchanged else None


async def _password_hash(session: AsyncSession, user_id: UUID) -> str | None:
    """Return the hash of a user's password; None if the user has no password."""
    statement = select(Password.hash).where(Password.user_id == user_id)
    password_hash: str | None = await session.scalar(statement)
    return password_hash


async def issue_tokens(session: AsyncSession, signer: Signer, began: UserSession) -> TokenPair:
    """Return an access token and a refresh token of a session, both issued at the same time.

    Purge the user's expired refresh tokens.
    """
    issued, secret = now(), token_urlsafe(32)
    expired = (RefreshToken.user_id == began.user_id, RefreshToken.expires_at <= issued)
    await session.execute(delete(RefreshToken).where(*expired))
    refresh_expiry = issued + timedelta(days=signer.config.refresh_days)
    session.add(
        RefreshToken(
            user_id=began.user_id,
            family=began.id,
            digest=digest(secret),
            expires_at=min(refresh_expiry, began.expires_at),
            created_at=issued,
        )
    )
    began.last_used_at = issued
    await session.flush()
    return TokenPair(
        access_token=access_token(signer, began, issued),
        expires_in=signer.config.access_minutes * 60,
        refresh_token=secret,
    )


def access_token(signer: Signer, began: UserSession, issued: datetime) -> str:
    """Return a new access token of a session, which is valid no longer than the session."""
    lifetime = timedelta(minutes=signer.config.access_minutes)
    return signer.sign(str(began.user_id), Purpose.ACCESS, lifetime, issued, sid=str(began.id))


async def refresh(session: AsyncSession, signer: Signer, secret: SecretStr) -> TokenPair:
    """Exchange a refresh token for a new one (rotation).

    The lock of the session serializes concurrent requests, of which only one succeeds.

    Raises:
        ReusedRefreshToken: the token was used before, so two parties have it, and its family is
        revoked (reuse detection, RFC 9700, section 4.14.2).
        Unauthenticated: the token is unknown, expired or revoked, or its user is not active.
    """
    same_digest = RefreshToken.digest == digest(secret.get_secret_value())
    family = await session.scalar(select(RefreshToken.family).where(same_digest))
    began = await user_sessions.lock(session, family) if family else None
    if began is None:
        raise Unauthenticated(INVALID)
    token = await session.scalar(select(RefreshToken).where(same_digest))
    if token is None:  # expired, and deleted by a concurrent request
        raise Unauthenticated(INVALID)
    if token.used_at:
        await _reject_used(session, token)
    if token.expires_at <= now():
        raise Unauthenticated(INVALID)
    token.used_at = now()
    return await issue_tokens(session, signer, began)


async def _reject_used(session: AsyncSession, token: RefreshToken) -> NoReturn:
    """Raise the error for a used refresh token; end its session unless it was used just now."""
    if token.used_at and token.used_at < now() - GRACE:
        await audit_events.record(session, Action.TOKEN_REUSED, ("user", token.user_id))
        await user_sessions.end(session, token.family)
        raise ReusedRefreshToken(INVALID)
    raise Unauthenticated(INVALID)


async def log_out(session: AsyncSession, secret: SecretStr) -> None:
    """End the session of a refresh token, and so revoke all tokens of the same login."""
    same_digest = RefreshToken.digest == digest(secret.get_secret_value())
    family = await session.scalar(select(RefreshToken.family).where(same_digest))
    if family:
        await user_sessions.end(session, family)


async def verify(session: AsyncSession, signer: Signer, token: SecretStr) -> None:
    """Mark the e-mail address of a link's user as verified.

    Raises:
        Unauthenticated: the link is invalid, expired or used.
    """
    claims = signer.read(token.get_secret_value(), Purpose.VERIFY)
    user = await _user_of_link(session, claims)
    user.verified_at = now()
    await audit_events.record(session, Action.USER_UPDATED, ("user", user.id), verified=True)


async def invite(session: AsyncSession, signer: Signer, links: RequestLinks, user: User) -> None:
    """Send a new user a link that sets the first password, and so verifies the address."""
    state = _state(user, None)
    token = signer.sign(str(user.id), Purpose.RESET, INVITATION_LIFETIME, state=state)
    await links.send(OneTimeLink(user.email, LinkKind.INVITE, token), session)


async def forgot_password(
    readers: Readers, signer: Signer, links: RequestLinks, email: str
) -> Accepted:
    """Send a password reset link if the user exists.

    The response does not reveal whether the user exists.
    """
    user, password_hash = await _find_credentials(readers, email)
    token = _link_token(signer, user, password_hash, Purpose.RESET)
    if user:
        links.send_later(OneTimeLink(user.email, LinkKind.RESET, token))
    return Accepted()


async def reset_password(
    session: AsyncSession, signer: Signer, links: RequestLinks, reset: PasswordReset
) -> None:
    """Set a new password with the token of a one-time link; revoke the user's tokens and API keys.

    The link was sent by e-mail, so it also verifies the address.

    Raises:
        Unauthenticated: the link is invalid, expired or used.
        Invalid: the password is easy to guess; the link remains valid.
    """
    claims = signer.read(reset.token.get_secret_value(), Purpose.RESET)
    new_hash = await passwords.hash_password(reset.password.get_secret_value())
    user = await _user_of_link(session, claims)
    require_strength(reset.password, "password", user.email, user.name or "")
    user.verified_at = user.verified_at or now()
    await set_password(session, user.id, new_hash)
    links.notify(Notice(user.email, NoticeKind.PASSWORD_CHANGED), session)


async def change_password(
    session: AsyncSession, readers: Readers, links: RequestLinks, user: User, change: PasswordChange
) -> None:
    """Replace the password if the current one is correct; revoke the user's tokens.

    Raises:
        Forbidden: the current password is wrong.
        Invalid: the new password is easy to guess.
    """
    password_hash = await _verify_current(readers, user, change.current)
    require_strength(change.new, "new", user.email, user.name or "")
    new_hash = await passwords.hash_password(change.new.get_secret_value())
    if await _lock_with_password(session, user.id, password_hash) is None:
        raise _wrong_current(user)
    await set_password(session, user.id, new_hash, keep_api_keys=change.keep_api_keys)
    links.notify(Notice(user.email, NoticeKind.PASSWORD_CHANGED), session)


async def change_email(
    readers: Readers, signer: Signer, links: RequestLinks, user: User, change: EmailChange
) -> Accepted:
    """Send a link to a user's new e-mail address, if the current password is correct.

    The response does not reveal whether another user has the address.

    Raises:
        Forbidden: the current password is wrong.
    """
    password_hash = await _verify_current(readers, user, change.current)
    token = _link_token(signer, user, password_hash, Purpose.CHANGE_EMAIL, email=change.email)
    links.send_later(OneTimeLink(change.email, LinkKind.CHANGE_EMAIL, token))
    return Accepted()


async def confirm_email(
    session: AsyncSession, signer: Signer, links: RequestLinks, token: SecretStr
) -> None:
    """Replace a user's e-mail address by the one that a link was sent to.

    Raises:
        Unauthenticated: the link is invalid, expired or used.
        Conflict: another user has the address.
    """
    claims = signer.read(token.get_secret_value(), Purpose.CHANGE_EMAIL)
    user = await _user_of_link(session, claims)
    links.notify(Notice(user.email, NoticeKind.EMAIL_CHANGED), session)
    user.email, user.verified_at = claims["email"], now()
    await flush(session)
    await audit_events.record(session, Action.USER_UPDATED, ("user", user.id), email_changed=True)


async def _verify_current(readers: Readers, user: User, password: SecretStr) -> str | None:
    """Return the hash of a user's password, after the current password is verified.

    Raises:
        Forbidden: the current password is wrong.
    """
    _, password_hash = await _find_credentials(readers, user.email)
    matches, _ = await passwords.verify_password(password.get_secret_value(), password_hash)
    if not matches:
        raise _wrong_current(user)
    return password_hash


def _wrong_current(user: User) -> Forbidden:
    """Record a wrong current password, and return its error."""
    audit_events.record_failure(Action.PASSWORD_CHANGE_FAILED, ("user", user.id))
    return Forbidden(NOT_CURRENT)


async def set_password(
    session: AsyncSession, user_id: UUID, password_hash: str, *, keep_api_keys: bool = False
) -> None:
    """Store the hash of a user's new password (upsert); revoke the user's tokens and API keys."""
    await users.revoke_access(session, user_id, keep_api_keys=keep_api_keys)
    await session.merge(Password(user_id=user_id, hash=password_hash))
    await audit_events.record(session, Action.PASSWORD_CHANGED, ("user", user_id))
    await session.flush()


async def _find_credentials(readers: Readers, email: str) -> tuple[User | None, str | None]:
    """Return the user with an e-mail address, and the user's password hash.

    The read session is closed before the function returns.
    """
    if "\0" in email:  # databases reject NUL
        return None, None
    statement = (
        select(User, Password.hash)
        .outerjoin(Password, Password.user_id == User.id)
        .where(User.email == email, User.deleted_at.is_(None))
    )
    async with readers() as session:
        row = (await session.execute(statement)).one_or_none()
    return (row.User, row.hash) if row else (None, None)


def _link_token(
    signer: Signer,
    user: User | None,
    password_hash: str | None,
    purpose: Purpose,
    **claims: Any,  # noqa: ANN401
) -> str:
    """Sign the token of a one-time link.

    Unknown users get a token too, against timing attacks.
    """
    subject, state = (user.id, _state(user, password_hash)) if user else (uuid7(), "")
    return signer.sign(str(subject), purpose, LINK_LIFETIME, state=state, **claims)


async def _user_of_link(session: AsyncSession, claims: Claims) -> User:
    """Return a one-time link's user locked FOR UPDATE; 401 if the link was used.

    Raises:
        Unauthenticated: the user is deleted, or the link was used.
    """
    user = await users.lock(session, UUID(claims["sub"]))
    if user is None:
        raise Unauthenticated(INVALID)
    if _state(user, await _password_hash(session, user.id)) != claims["state"]:
        raise Unauthenticated(INVALID)
    return user


def _state(user: User, password_hash: str | None) -> str:
    """Return a digest of the password hash and the time of e-mail verification.

    A used link has changed one of them, so its token no longer matches the digest.
    """
    return digest(f"{password_hash} {user.verified_at}")[:16]
