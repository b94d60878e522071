"""Command that sends a test e-mail."""

from app import settings
from app.email.message import Mail, compose
from app.email.preview import Preview
from app.email.queue import EmailSettings, is_encrypted, transmit

NO_SERVER = "EMAIL_URL is not set: no e-mail was sent."


async def mail(email: str) -> str:
    """Send a test e-mail at once; raise errors of the SMTP server."""
    config = settings.read(EmailSettings)
    if config.url is None:
        return NO_SERVER
    message = compose(Mail(email, "hello", {"service": config.sender}), config.sender)
    await transmit(config, message, Preview())
    security = "encrypted" if is_encrypted(config.url) else "unencrypted"
    return f"{config.url.host} accepted the e-mail ({security})."
