"""Signing in and out, and the links that work once.

Passwords are hashed while no connection is held, and for those who are not there as well.
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
from app.auth.local.tokens import Claims, Purpose, Signer, expiry
from app.auth.token_hashing import digest
from app.database import flush
from app.errors import Conflict, Forbidden, Unauthenticated
from app.models.base import now, uuid7
from app.models.password import Password
from app.models.refresh_token import RefreshToken
from app.models.user import User
from app.schemas.auth import Accepted, PasswordChange, PasswordReset, Registration, TokenPair
from app.services import user as users

GRACE = timedelta(seconds=10)  # for clients that ask twice at once; later, it is a thief who asks
LINK = timedelta(minutes=30)
INVALID = "The token is not valid, or no longer."

Readers = async_sessionmaker[AsyncSession]


class ReusedRefreshToken(Unauthenticated):
    """A refresh token was used again; that its family is void outlasts this error."""


async def register(
    session: AsyncSession, readers: Readers, tokens: Signer, outgoing: LinkSender, new: Registration
) -> Accepted:
    """Add a user, and send a link that verifies the address; whoever has it already is told so."""
    if not tokens.config.registration:
        message = "Accounts are made by an administrator."
        raise Forbidden(message)
    kept = await passwords.hash_password(new.password.get_secret_value())
    user, present = await _known(readers, new.email)
    letter = LinkKind.KNOWN
    if user is None:
        letter = LinkKind.VERIFY
        user, present = User(id=uuid7(), email=new.email), kept
        await _add(session, user, kept)
    token = _link(tokens, user, present, Purpose.VERIFY)
    outgoing.send(OneTimeLink(user.email, letter, token), session)
    return Accepted()


async def _add(session: AsyncSession, user: User, kept: str) -> None:
    try:
        async with session.begin_nested():
            session.add(user)
            await flush(session)
            session.add(Password(user_id=user.id, hash=kept))
    except Conflict:
        pass  # somebody was faster, and is told as they are


async def log_in(
    session: AsyncSession, readers: Readers, tokens: Signer, email: str, password: SecretStr
) -> TokenPair:
    """Let a user in who knows the password.

    Raises:
        Unauthenticated: the address or the password is wrong; nobody is told which.
    """
    user, kept = await _known(readers, email)
    right, renewed = await passwords.verify_password(password.get_secret_value(), kept)
    if user is None or not right or user.disabled_at is not None:
        message = "The address or the password is wrong."
        raise Unauthenticated(message)
    if renewed:
        same = (Password.user_id == user.id, Password.hash == kept)
        await session.execute(update(Password).where(*same).values(hash=renewed))
    return await grant(session, tokens, user, uuid7())


async def grant(session: AsyncSession, tokens: Signer, user: User, family: UUID) -> TokenPair:
    """Give a user an access token, and a refresh token that continues a family."""
    secret = token_urlsafe(32)
    expired = (RefreshToken.user_id == user.id, RefreshToken.expires_at <= now())
    await session.execute(delete(RefreshToken).where(*expired))
    session.add(
        RefreshToken(
            user_id=user.id,
            family=family,
            digest=digest(secret),
            expires_at=expiry(tokens.config),
            created_at=user.issued(),
        )
    )
    await session.flush()
    return TokenPair(
        access_token=access_token(tokens, user),
        expires_in=tokens.config.access_minutes * 60,
        refresh_token=secret,
    )


def access_token(tokens: Signer, user: User) -> str:
    """Sign what shows for some minutes who calls."""
    lifetime = timedelta(minutes=tokens.config.access_minutes)
    return tokens.sign(str(user.id), Purpose.ACCESS, lifetime, user.issued())


async def refresh(session: AsyncSession, tokens: Signer, secret: SecretStr) -> TokenPair:
    """Exchange a refresh token for its successor; of those who ask at once, one gets it.

    Raises:
        Replayed: it was used before, so two have it, and its whole family is void.
        Unauthenticated: it is unknown or expired, or its user may not sign in.
    """
    summed = digest(secret.get_secret_value())
    unused = (
        RefreshToken.digest == summed,
        RefreshToken.used_at.is_(None),
        RefreshToken.expires_at > now(),
    )
    use = update(RefreshToken).where(*unused).values(used_at=now())
    used = await session.scalar(use.returning(RefreshToken))
    if used is None:
        await _refuse(session, summed)
    user = await session.get(User, used.user_id)
    if user is None or not user.is_active or user.has_voided(used.created_at):
        raise Unauthenticated(INVALID)
    return await grant(session, tokens, user, used.family)


async def _refuse(session: AsyncSession, summed: str) -> NoReturn:
    token = await session.scalar(select(RefreshToken).where(RefreshToken.digest == summed))
    if token and token.used_at and token.used_at < now() - GRACE:
        await session.execute(delete(RefreshToken).where(RefreshToken.family == token.family))
        raise ReusedRefreshToken(INVALID)
    raise Unauthenticated(INVALID)


async def log_out(session: AsyncSession, secret: SecretStr | None) -> None:
    """Void a refresh token, and all that descend from the same login."""
    summed = digest(secret.get_secret_value()) if secret else ""
    family = select(RefreshToken.family).where(RefreshToken.digest == summed)
    await session.execute(
        delete(RefreshToken).where(RefreshToken.family.in_(family.scalar_subquery()))
    )


async def verify(session: AsyncSession, tokens: Signer, token: SecretStr) -> None:
    """Believe that a user reads the mail of their address.

    Raises:
        Unauthenticated: the link does not work, or worked already.
    """
    claims = tokens.read(token.get_secret_value(), Purpose.VERIFY)
    user = await _linked(session, claims)
    user.verified_at = now()
    await session.flush()


async def forgot_password(
    readers: Readers, tokens: Signer, outgoing: LinkSender, email: str
) -> Accepted:
    """Send a link that sets a new password, if there is such a user."""
    user, present = await _known(readers, email)
    token = _link(tokens, user, present, Purpose.RESET)
    if user:
        outgoing.send(OneTimeLink(user.email, LinkKind.RESET, token))
    return Accepted()


async def reset_password(session: AsyncSession, tokens: Signer, reset: PasswordReset) -> None:
    """Set a new password, and sign out everywhere.

    Raises:
        Unauthenticated: the link does not work, or worked already.
    """
    claims = tokens.read(reset.token.get_secret_value(), Purpose.RESET)
    kept = await passwords.hash_password(reset.password.get_secret_value())
    user = await _linked(session, claims)
    await set_password(session, user.id, kept)


async def change_password(
    session: AsyncSession, readers: Readers, user: User, change: PasswordChange
) -> None:
    """Set a new password, and sign out everywhere.

    Raises:
        Forbidden: the current one is wrong.
    """
    _, present = await _known(readers, user.email)
    right, _ = await passwords.verify_password(change.current.get_secret_value(), present)
    if not right:
        message = "The current password is wrong."
        raise Forbidden(message)
    kept = await passwords.hash_password(change.new.get_secret_value())
    await set_password(session, user.id, kept)


async def set_password(session: AsyncSession, user_id: UUID, kept: str) -> None:
    """Keep the hash of a user's new password, and void whatever the old one gave."""
    await session.merge(Password(user_id=user_id, hash=kept))
    await users.revoke_tokens(session, user_id)


async def _known(readers: Readers, email: str) -> tuple[User | None, str | None]:
    """Find a user and the password's hash by the address, and hold no connection afterwards."""
    if "\0" in email:  # which databases do not keep, nor look for
        return None, None
    statement = (
        select(User, Password.hash)
        .outerjoin(Password, Password.user_id == User.id)
        .where(User.email == email, User.deleted_at.is_(None))
    )
    async with readers() as session:
        found = (await session.execute(statement)).one_or_none()
    return (found.User, found.hash) if found else (None, None)


def _link(tokens: Signer, user: User | None, present: str | None, purpose: Purpose) -> str:
    """Make the token of a link; where there is no user, only the work is done."""
    subject, state = (user.id, _state(user, present)) if user else (uuid7(), "")
    return tokens.sign(str(subject), purpose, LINK, state=state)


async def _linked(session: AsyncSession, claims: Claims) -> User:
    """Find the user of a link that has not worked yet."""
    user = await session.get(User, UUID(claims["sub"]), with_for_update=True)
    password = await session.get(Password, UUID(claims["sub"]))
    present = password.hash if password else None
    if user is None or user.deleted_at or _state(user, present) != claims["state"]:
        raise Unauthenticated(INVALID)
    return user


def _state(user: User, present: str | None) -> str:
    """Sum up what a link changes, so that it works once."""
    return digest(f"{present} {user.verified_at}")[:16]
