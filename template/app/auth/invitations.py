"""Invitations of users whom an administrator creates."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.models.user import User


class Invite(Protocol):
    """Function that sends a new user an invitation, or nothing if the user can log in already."""

    async def __call__(self, session: AsyncSession, user: User) -> None:
        """Send the invitation after the session commits, and never after a rollback."""
