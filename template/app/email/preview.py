"""Preview page of sent e-mails, for development without an SMTP server."""

from collections import deque
from email.message import EmailMessage
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from app.errors import NotFound
from app.state import StateKey

URL = "/dev/mails"
MAX_MAILS = 50
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
)
LIST_PAGE = """<!doctype html><html lang="en"><title>E-mails</title><h1>E-mails</h1>
<ol reversed>{}</ol></html>
"""
LIST_ITEM = '<li><a href="{url}/{number}">{subject}</a> to {to}, {date}</li>'
MAIL_PAGE = """<!doctype html><html lang="en"><title>{subject}</title>
<p><a href="{url}">E-mails</a></p><h1>{subject}</h1><p>From {sender} to {to}, {date}</p>
<iframe sandbox title="HTML" srcdoc="{html}" width="700" height="400"></iframe>
<pre>{text}</pre></html>
"""

router = APIRouter(include_in_schema=False)


class Preview:
    """The latest sent e-mails, stored in memory with the newest first."""

    def __init__(self) -> None:
        self.mails: deque[EmailMessage] = deque(maxlen=MAX_MAILS)

    def add(self, message: EmailMessage) -> None:
        """Add an e-mail; drop the oldest e-mail if there are more than the limit."""
        self.mails.appendleft(message)


PREVIEW = StateKey[Preview]("email_preview")


@router.get(URL, response_class=HTMLResponse)
async def list_mails(request: Request) -> HTMLResponse:
    """Return an HTML page that lists the latest e-mails."""
    mails = PREVIEW.get(request.app).mails
    items = [LIST_ITEM.format(number=number, **_headers(mail)) for number, mail in enumerate(mails)]
    return _page(LIST_PAGE.format("".join(items)))


@router.get(URL + "/{number}", response_class=HTMLResponse)
async def show_mail(request: Request, number: int) -> HTMLResponse:
    """Return an HTML page that shows one e-mail: headers, sandboxed HTML, and plain text."""
    mails = PREVIEW.get(request.app).mails
    if not 0 <= number < len(mails):
        message = "E-mail does not exist."
        raise NotFound(message)
    mail = mails[number]
    text, html = (mail.get_body([subtype]) or mail for subtype in ("plain", "html"))
    bodies = {"text": escape(text.get_content()), "html": escape(html.get_content())}
    return _page(MAIL_PAGE.format(**bodies, **_headers(mail)))


def _headers(mail: EmailMessage) -> dict[str, str]:
    names = {"subject": "Subject", "sender": "From", "to": "To", "date": "Date"}
    return {"url": URL} | {key: escape(str(mail[name])) for key, name in names.items()}


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
