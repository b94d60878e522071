"""What is sent to people who sign in here: links that work once, and what sends them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection


class Letter(StrEnum):
    """What is written to somebody."""

    VERIFY = "verify"  # Is this your address?
    KNOWN = "known"  # You have an account already.
    RESET = "reset"  # Here is how to set a new password.


@dataclass(frozen=True)
class OneTimeLink:
    """A link for somebody, by the token that it carries."""

    to: str
    letter: Letter
    token: str = field(repr=False)


class Sends(Protocol):
    """What sends links."""

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Send a link, once what the session has done is committed."""


async def outgoing(connection: HTTPConnection) -> Sends:
    """Give what sends links."""
    found: Sends = connection.app.state.outgoing
    return found


Outgoing = Annotated[Sends, Depends(outgoing)]
