"""Logging of one-time links, for services without e-mail in development."""

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local.notices import Notice
from app.auth.local.one_time_links import LINK_SENDER, OneTimeLink
from app.settings import SETTINGS, Environment

log = structlog.get_logger()


class LinkLogger:
    """Link sender that logs links in development, and discards them in other environments."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Log a link with its token in development only, since production logs are not secret."""
        _ = session
        if self.environment is Environment.DEVELOPMENT:
            log.info("one_time_link", to=link.to, kind=link.kind, one_time_token=link.token)

    def notify(self, notice: Notice, session: AsyncSession) -> None:
        """Log a notice in development only, since production logs contain no addresses."""
        _ = session
        if self.environment is Environment.DEVELOPMENT:
            log.info("account_notice", to=notice.to, kind=notice.kind)


def install(app: FastAPI) -> None:
    """Install the link logger as the sender of one-time links."""
    LINK_SENDER.set(app, LinkLogger(SETTINGS.get(app).environment))
