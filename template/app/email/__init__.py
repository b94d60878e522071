"""E-mails from Jinja templates, which are sent over SMTP after a commit."""

from app.email.message import Mail
from app.email.queue import EmailQueue, EmailSettings, Mails, install

__all__ = ["EmailQueue", "EmailSettings", "Mail", "Mails", "install"]
