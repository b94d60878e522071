"""E-mail messages from Jinja templates, as plain text and HTML (multipart/alternative)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.models.base import now

# Without quoted strings and address literals (RFC 5321, section 4.1.2), which few servers accept.
ADDRESS = re.compile(r"""[^\s()<>\[\]:;,"\\@]+@[^\s()<>\[\]:;,"\\@]+""")
SUBJECT_PREFIX = "Subject: "  # a text template starts with this line


class InvalidAddressError(ValueError):
    """A text is not an e-mail address, or a header cannot contain the address."""


@dataclass(frozen=True)
class Mail:
    """An e-mail, with its recipient, the name of its templates, and the templates' variables.

    The templates are a `.txt` and an `.html` file of the same name.
    """

    to: str
    template: str
    values: Mapping[str, object]

    def __repr__(self) -> str:
        """Return the template's name without recipient and variables, which may be secret."""
        return f"Mail({self.template!r})"


@cache
def templates() -> Environment:
    """Return the Jinja environment, which escapes HTML and raises on undefined variables."""
    return Environment(
        loader=PackageLoader("app.email"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def compose(mail: Mail, sender: str) -> EmailMessage:
    """Render the templates of an e-mail into a message (RFC 5322).

    Raises:
        InvalidAddressError: an address is invalid, or contains a line break (header injection).
    """
    first_line, _, text = _render(mail, "txt").partition("\n")
    message = EmailMessage()
    message["From"] = parse_address(sender)
    message["To"] = parse_address(mail.to)
    message["Subject"] = first_line.removeprefix(SUBJECT_PREFIX)
    message["Date"] = format_datetime(now())
    message["Message-ID"] = make_msgid(domain=parse_address(sender).domain)
    message["Auto-Submitted"] = "auto-generated"  # suppresses out-of-office replies (RFC 3834)
    message.set_content(text.strip() + "\n")
    message.add_alternative(_render(mail, "html"), subtype="html")
    return message


def parse_address(text: str) -> Address:
    """Parse an address such as `name@example.com` or `Name <name@example.com>`.

    Raises:
        InvalidAddressError: the address is invalid.
    """
    name, plain = parseaddr(text)
    message = "It is not an e-mail address"
    if not ADDRESS.fullmatch(plain) or not text.isprintable():
        raise InvalidAddressError(message)
    try:
        return Address(name, addr_spec=plain)
    except (MessageError, LookupError, ValueError):  # the parser has no common error
        raise InvalidAddressError(message) from None


def _render(mail: Mail, extension: str) -> str:
    template = templates().get_template(f"{mail.template}.{extension}")
    return template.render(mail.values)
