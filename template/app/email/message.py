"""What a mail says: a template's text, and the same as HTML."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.models.base import now

SUBJECT = "Subject: "  # how the first line of a template's text begins


@dataclass(frozen=True)
class Mail:
    """A mail to somebody: `templates/<template>.txt` and `.html`, filled with what they name."""

    to: str
    template: str
    values: Mapping[str, object]

    def __repr__(self) -> str:
        """Tell which one it is; what it holds may open an account."""
        return f"Mail({self.template!r})"


@cache
def templates() -> Environment:
    """Read the templates; in HTML, values are escaped, and a value that is missing is an error."""
    return Environment(
        loader=PackageLoader("app.email"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def compose(mail: Mail, sender: str) -> EmailMessage:
    """Write a mail (RFC 5322): text, and HTML for those who would rather see that.

    Raises:
        ValueError: an address or a subject has more than one line.
    """
    first, _, text = _rendered(mail, "txt").partition("\n")
    message = EmailMessage()
    message["From"] = parse_address(sender)
    message["To"] = parse_address(mail.to)
    message["Subject"] = first.removeprefix(SUBJECT)
    message["Date"] = format_datetime(now())
    message["Message-ID"] = make_msgid(domain=parse_address(sender).domain)
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's absence answers (RFC 3834)
    message.set_content(text.strip() + "\n")
    message.add_alternative(_rendered(mail, "html"), subtype="html")
    return message


def parse_address(text: str) -> Address:
    """Read an address: `name@example.com`, or `Somebody <name@example.com>`.

    Raises:
        ValueError: it is none.
    """
    name, plain = parseaddr(text)
    if "@" not in plain or not text.isprintable():
        message = "It is not an address"
        raise ValueError(message)
    return Address(name, addr_spec=plain)


def _rendered(mail: Mail, kind: str) -> str:
    template = templates().get_template(f"{mail.template}.{kind}")
    return template.render(mail.values)
