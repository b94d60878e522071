"""One-time links, to verify an e-mail address or reset a password."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.auth.local.notices import Notice
from app.auth.local.throttle import THROTTLE
from app.state import StateKey


class LinkKind(StrEnum):
    """Purpose of a one-time link, such as to reset a password.

    Its value is also the name of the e-mail template.
    """

    VERIFY = "verify"  # confirms the e-mail address of a new account
    KNOWN = "known"  # sets a new password, after a registration of an existing account
    INVITE = "invite"  # sets the first password of a user whom an administrator created
    RESET = "reset"  # sets a new password
    CHANGE_EMAIL = "change_email"  # confirms a user's new e-mail address

    @property
    def page(self) -> str:
        """The last path segment of the page that the link opens."""
        pages = {self.VERIFY: "verify", self.CHANGE_EMAIL: "change-email"}
        return pages.get(self, "reset")


@dataclass(frozen=True)
class OneTimeLink:
    """A one-time link, with its recipient and its single-use token."""

    to: str  # e-mail address
    kind: LinkKind
    token: str = field(repr=False)


class LinkSender(Protocol):
    """Interface of senders of one-time links and notices, such as by e-mail or to the log."""

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Deliver a one-time link to its recipient.

        With a session, send the link after the session commits, and never after a rollback.
        """

    def notify(self, notice: Notice, session: AsyncSession) -> None:
        """Deliver a notice after the session commits, and never after a rollback."""


LINK_SENDER = StateKey[LinkSender]("outgoing")


class RequestLinks:
    """Links and notices of one request; each link counts towards its recipient's limit of e-mails.

    Only links that are sent are counted. Otherwise, anyone could use up a recipient's limit by
    requests that fail.
    """

    def __init__(self, connection: HTTPConnection) -> None:
        self.app = connection.app
        self.deferred: list[OneTimeLink] = []

    async def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Send the link by the application's `LinkSender`, unless the recipient is throttled."""
        if await THROTTLE.get(self.app).may_receive(link.to):
            LINK_SENDER.get(self.app).send(link, session)

    def send_later(self, link: OneTimeLink) -> None:
        """Send the link after the response, whose time then does not reveal that a user exists."""
        self.deferred.append(link)

    def notify(self, notice: Notice, session: AsyncSession) -> None:
        """Deliver a notice, which is not throttled, since it follows from a change."""
        LINK_SENDER.get(self.app).notify(notice, session)


async def link_sender(connection: HTTPConnection) -> AsyncGenerator[RequestLinks, None]:
    """Yield the links of a request; send the deferred ones after its response (a dependency)."""
    links = RequestLinks(connection)
    yield links
    for link in links.deferred:
        await links.send(link)


Links = Annotated[RequestLinks, Depends(link_sender, scope="request")]
