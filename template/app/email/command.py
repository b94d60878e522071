"""A mail from the command line, to try the server with."""

from app import settings
from app.email.message import Mail, compose
from app.email.outbox import EmailSettings, is_encrypted, transmit
from app.email.preview import Shown

NOWHERE = "There is no EMAIL_URL, so nothing is sent."


async def mail(email: str) -> str:
    """Send a mail at once; what the server says against it is told."""
    chosen = settings.read(EmailSettings)
    if chosen.url is None:
        return NOWHERE
    hello = compose(Mail(email, "hello", {"service": chosen.sender}), chosen.sender)
    await transmit(chosen, hello, Shown())
    return f"{chosen.url.host} took it{'' if is_encrypted(chosen.url) else ', unencrypted'}."
