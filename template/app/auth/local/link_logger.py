"""Links for people who sign in, where nothing sends mails: the log of development shows them."""

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local.one_time_links import LINK_SENDER, OneTimeLink
from app.settings import SETTINGS, Environment

log = structlog.get_logger()


class LinkLogger:
    """Shows links in the log of development; elsewhere, nobody may read them there."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Show a link."""
        _ = session
        if self.environment is Environment.DEVELOPMENT:
            log.info("a link", to=link.to, letter=link.letter, one_time_token=link.token)


def install(app: FastAPI) -> None:
    """Have links shown."""
    LINK_SENDER.set(app, LinkLogger(SETTINGS.get(app).environment))
