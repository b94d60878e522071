"""Command that sends a test e-mail."""

import sys

from app import settings
from app.email.message import InvalidAddressError, Mail, compose
from app.email.preview import Preview
from app.email.queue import EmailSettings, is_encrypted, transmit

NO_SERVER = "EMAIL_URL is not set: no e-mail was sent."


async def mail(email: str) -> str:
    """Send a test e-mail at once; raise errors of the SMTP server."""
    config = settings.read(EmailSettings)
    if config.url is None:
        return NO_SERVER
    try:
        message = compose(Mail(email, "hello", {"service": config.sender}), config.sender)
    except InvalidAddressError:
        sys.exit(f"Invalid e-mail address: {email!r}. Write it as name@example.com.")
    await transmit(config, message, Preview())
    security = "encrypted" if is_encrypted(config.url) else "unencrypted"
    return f"{config.url.host} accepted the e-mail ({security})."
