"""What is sent to people who sign in here: links that work once, and what sends them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.state import StateKey


class LinkKind(StrEnum):
    """What is written to somebody."""

    VERIFY = "verify"  # Is this your address?
    KNOWN = "known"  # You have an account already.
    RESET = "reset"  # Here is how to set a new password.


@dataclass(frozen=True)
class OneTimeLink:
    """A link for somebody, by the token that it carries."""

    to: str
    letter: LinkKind
    token: str = field(repr=False)


class LinkSender(Protocol):
    """What sends links."""

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Send a link, once what the session has done is committed."""


LINK_SENDER = StateKey[LinkSender]("outgoing")


async def link_sender(connection: HTTPConnection) -> LinkSender:
    """Give what sends links."""
    return LINK_SENDER.get(connection.app)


Links = Annotated[LinkSender, Depends(link_sender)]
