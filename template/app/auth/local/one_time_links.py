"""One-time links: e-mail verification and password reset."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.state import StateKey


class LinkKind(StrEnum):
    """The purpose of a link; also the name of its e-mail template and of its page."""

    VERIFY = "verify"  # confirms the e-mail address of a new account
    KNOWN = "known"  # registration with the address of an existing account
    RESET = "reset"  # sets a new password


@dataclass(frozen=True)
class OneTimeLink:
    """A link to send; its token works once."""

    to: str  # e-mail address
    kind: LinkKind
    token: str = field(repr=False)


class LinkSender(Protocol):
    """The channel by which links are sent: e-mail, or the log in development."""

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Send a link; with a session, after commit, and not after a rollback."""


LINK_SENDER = StateKey[LinkSender]("outgoing")


async def link_sender(connection: HTTPConnection) -> LinkSender:
    """Return the sender of one-time links."""
    return LINK_SENDER.get(connection.app)


Links = Annotated[LinkSender, Depends(link_sender)]
