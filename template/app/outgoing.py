"""What is sent to people: links that work once."""

import structlog

from app.settings import Environment

log = structlog.get_logger()


async def send(environment: Environment, to: str, subject: str, token: str) -> None:
    """Show a link's token in the log of development; elsewhere, nobody may read it there."""
    if environment is Environment.DEVELOPMENT:
        log.info("mail", to=to, subject=subject, one_time_token=token)
