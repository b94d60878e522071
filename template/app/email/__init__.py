"""Mails: written from templates, and sent once what they tell of is committed."""

from app.email.message import Mail
from app.email.queue import EmailQueue, EmailSettings, Mails, install

__all__ = ["EmailQueue", "EmailSettings", "Mail", "Mails", "install"]
