"""A mail from the command line, to try the server with."""

from app import settings
from app.email.message import Mail, compose
from app.email.preview import Preview
from app.email.queue import EmailSettings, is_encrypted, transmit

NOWHERE = "There is no EMAIL_URL, so nothing is sent."


async def mail(email: str) -> str:
    """Send a mail at once; what the server says against it is told."""
    config = settings.read(EmailSettings)
    if config.url is None:
        return NOWHERE
    hello = compose(Mail(email, "hello", {"service": config.sender}), config.sender)
    await transmit(config, hello, Preview())
    return f"{config.url.host} took it{'' if is_encrypted(config.url) else ', unencrypted'}."
