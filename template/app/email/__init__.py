"""Mails: written from templates, and sent once what they tell of is committed."""

from app.email.message import Mail
from app.email.outbox import EmailSettings, Mails, Outbox, install

__all__ = ["EmailSettings", "Mail", "Mails", "Outbox", "install"]
