"""E-mail: messages from Jinja templates, sent over SMTP after commit."""

from app.email.message import Mail
from app.email.queue import EmailQueue, EmailSettings, Mails, install

__all__ = ["EmailQueue", "EmailSettings", "Mail", "Mails", "install"]
