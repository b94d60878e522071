"""Registration, login, token refresh and password reset.

Passwords are hashed while no database connection is held. A login of an unknown user computes a
hash too, so a timing attack does not reveal which accounts exist.
"""

from datetime import timedelta
from secrets import token_urlsafe
from typing import NoReturn
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.auth.local import passwords
from app.auth.local.one_time_links import LinkKind, LinkSender, OneTimeLink
from app.auth.local.tokens import INVALID, Claims, Purpose, Signer, refresh_token_expiry
from app.auth.token_hashing import digest
from app.database import flush
from app.errors import Conflict, Forbidden, Unauthenticated
from app.models.base import now, uuid7
from app.models.password import Password
from app.models.refresh_token import RefreshToken
from app.models.user import User
from app.schemas.auth import Accepted, PasswordChange, PasswordReset, Registration, TokenPair
from app.services import user as users

# Reuse within this time is a concurrent request of the same client; later, it is theft.
GRACE = timedelta(seconds=10)
LINK_LIFETIME = timedelta(minutes=30)

Readers = async_sessionmaker[AsyncSession]


class ReusedRefreshToken(Unauthenticated):
    """A used refresh token was sent again, so its token family is revoked."""


async def register(
    session: AsyncSession, readers: Readers, signer: Signer, links: LinkSender, new: Registration
) -> Accepted:
    """Create a user and send a verification link.

    A user who already exists receives an e-mail about the registration instead.

    The response is the same in both cases, so it does not reveal which accounts exist.

    Raises:
        Forbidden: registration is disabled.
    """
    if not signer.config.registration:
        message = "Registration is disabled. Ask an administrator for an account."
        raise Forbidden(message)
    new_hash = await passwords.hash_password(new.password.get_secret_value())
    user, password_hash = await _find_credentials(readers, new.email)
    kind = LinkKind.KNOWN
    if user is None:
        kind = LinkKind.VERIFY
        user, password_hash = User(id=uuid7(), email=new.email), new_hash
        await _create(session, user, new_hash)
    token = _link_token(signer, user, password_hash, Purpose.VERIFY)
    links.send(OneTimeLink(user.email, kind, token), session)
    return Accepted()


async def _create(session: AsyncSession, user: User, password_hash: str) -> None:
    try:
        async with session.begin_nested():
            session.add(user)
            await flush(session)
            session.add(Password(user_id=user.id, hash=password_hash))
    except Conflict:
        pass  # race: a concurrent request registered the address


async def log_in(
    session: AsyncSession, readers: Readers, signer: Signer, email: str, password: SecretStr
) -> TokenPair:
    """Verify e-mail address and password, and return new tokens.

    Raises:
        Unauthenticated: wrong address or password, or a disabled user; the message is the same.
    """
    user, password_hash = await _find_credentials(readers, email)
    matches, new_hash = await passwords.verify_password(password.get_secret_value(), password_hash)
    if user is None or not matches or user.disabled_at is not None:
        message = "Invalid e-mail address or password."
        raise Unauthenticated(message)
    if new_hash:  # parameters of Argon2id are outdated
        unchanged = (Password.user_id == user.id, Password.hash == password_hash)
        await session.execute(update(Password).where(*unchanged).values(hash=new_hash))
    return await issue_tokens(session, signer, user, uuid7())


async def issue_tokens(
    session: AsyncSession, signer: Signer, user: User, family: UUID
) -> TokenPair:
    """Return an access token and a refresh token; purge the user's expired refresh tokens."""
    secret = token_urlsafe(32)
    expired = (RefreshToken.user_id == user.id, RefreshToken.expires_at <= now())
    await session.execute(delete(RefreshToken).where(*expired))
    session.add(
        RefreshToken(
            user_id=user.id,
            family=family,
            digest=digest(secret),
            expires_at=refresh_token_expiry(signer.config),
            created_at=user.issue_time(),
        )
    )
    await session.flush()
    return TokenPair(
        access_token=access_token(signer, user),
        expires_in=signer.config.access_minutes * 60,
        refresh_token=secret,
    )


def access_token(signer: Signer, user: User) -> str:
    """Return a new access token for a user."""
    lifetime = timedelta(minutes=signer.config.access_minutes)
    return signer.sign(str(user.id), Purpose.ACCESS, lifetime, user.issue_time())


async def refresh(session: AsyncSession, signer: Signer, secret: SecretStr) -> TokenPair:
    """Exchange a refresh token for a new one (rotation).

    Only one of several concurrent requests succeeds.

    Raises:
        ReusedRefreshToken: the token was used before, so two parties have it, and its family is
        revoked (reuse detection, RFC 9700, section 4.14.2).
        Unauthenticated: the token is unknown, expired or revoked, or its user is not active.
    """
    token_digest = digest(secret.get_secret_value())
    unused = (
        RefreshToken.digest == token_digest,
        RefreshToken.used_at.is_(None),
        RefreshToken.expires_at > now(),
    )
    statement = update(RefreshToken).where(*unused).values(used_at=now())
    token = await session.scalar(statement.returning(RefreshToken))
    if token is None:
        await _reject(session, token_digest)
    user = await session.get(User, token.user_id)
    if user is None or not user.is_active or user.has_revoked(token.created_at):
        raise Unauthenticated(INVALID)
    return await issue_tokens(session, signer, user, token.family)


async def _reject(session: AsyncSession, token_digest: str) -> NoReturn:
    """Raise the error for an invalid refresh token.

    If the token was used before, revoke its token family.
    """
    statement = select(RefreshToken).where(RefreshToken.digest == token_digest)
    token = await session.scalar(statement)
    if token and token.used_at and token.used_at < now() - GRACE:
        await session.execute(delete(RefreshToken).where(RefreshToken.family == token.family))
        raise ReusedRefreshToken(INVALID)
    raise Unauthenticated(INVALID)


async def log_out(session: AsyncSession, secret: SecretStr | None) -> None:
    """Revoke a refresh token's family, which consists of all tokens of the same login."""
    token_digest = digest(secret.get_secret_value()) if secret else ""
    family = select(RefreshToken.family).where(RefreshToken.digest == token_digest)
    await session.execute(
        delete(RefreshToken).where(RefreshToken.family.in_(family.scalar_subquery()))
    )


async def verify(session: AsyncSession, signer: Signer, token: SecretStr) -> None:
    """Mark the e-mail address of a link's user as verified.

    Raises:
        Unauthenticated: the link is invalid, expired or used.
    """
    claims = signer.read(token.get_secret_value(), Purpose.VERIFY)
    user = await _user_of_link(session, claims)
    user.verified_at = now()
    await session.flush()


async def forgot_password(
    readers: Readers, signer: Signer, links: LinkSender, email: str
) -> Accepted:
    """Send a password reset link if the user exists.

    The response does not reveal whether the user exists.
    """
    user, password_hash = await _find_credentials(readers, email)
    token = _link_token(signer, user, password_hash, Purpose.RESET)
    if user:
        links.send(OneTimeLink(user.email, LinkKind.RESET, token))
    return Accepted()


async def reset_password(session: AsyncSession, signer: Signer, reset: PasswordReset) -> None:
    """Set a new password with the token of a one-time link; revoke the user's tokens.

    Raises:
        Unauthenticated: the link is invalid, expired or used.
    """
    claims = signer.read(reset.token.get_secret_value(), Purpose.RESET)
    new_hash = await passwords.hash_password(reset.password.get_secret_value())
    user = await _user_of_link(session, claims)
    await set_password(session, user.id, new_hash)


async def change_password(
    session: AsyncSession, readers: Readers, user: User, change: PasswordChange
) -> None:
    """Replace the password if the current one is correct; revoke the user's tokens.

    Raises:
        Forbidden: the current password is wrong.
    """
    _, password_hash = await _find_credentials(readers, user.email)
    current = change.current.get_secret_value()
    matches, _ = await passwords.verify_password(current, password_hash)
    if not matches:
        message = "The current password is wrong."
        raise Forbidden(message)
    new_hash = await passwords.hash_password(change.new.get_secret_value())
    await set_password(session, user.id, new_hash)


async def set_password(session: AsyncSession, user_id: UUID, password_hash: str) -> None:
    """Store the hash of a user's new password (upsert), and revoke the user's tokens."""
    await session.merge(Password(user_id=user_id, hash=password_hash))
    await users.revoke_tokens(session, user_id)


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
    signer: Signer, user: User | None, password_hash: str | None, purpose: Purpose
) -> str:
    """Sign the token of a one-time link.

    Unknown users get a token too, against timing attacks.
    """
    subject, state = (user.id, _state(user, password_hash)) if user else (uuid7(), "")
    return signer.sign(str(subject), purpose, LINK_LIFETIME, state=state)


async def _user_of_link(session: AsyncSession, claims: Claims) -> User:
    """Return a one-time link's user locked FOR UPDATE; 401 if the link was used.

    Raises:
        Unauthenticated: the user is deleted, or the link was used.
    """
    user = await session.get(User, UUID(claims["sub"]), with_for_update=True)
    password = await session.get(Password, UUID(claims["sub"]))
    password_hash = password.hash if password else None
    if user is None or user.deleted_at or _state(user, password_hash) != claims["state"]:
        raise Unauthenticated(INVALID)
    return user


def _state(user: User, password_hash: str | None) -> str:
    """Return a digest of the password hash and the time of e-mail verification.

    A used link has changed one of them, so its token no longer matches the digest.
    """
    return digest(f"{password_hash} {user.verified_at}")[:16]
