"""Invitations by e-mail, with a one-time link that sets the first password."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.invitations import Invite
from app.auth.local.accounts import Tokens
from app.auth.local.one_time_links import Links
from app.models.user import User
from app.services import auth


async def inviter(signer: Tokens, links: Links) -> Invite:
    """Return the function that invites new users (a dependency)."""

    async def invite(session: AsyncSession, user: User) -> None:
        await auth.invite(session, signer, links, user)

    return invite
