"""The page that shows the mails of development, which has no server to send them to."""

from collections import deque
from email.message import EmailMessage
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from app.errors import NotFound
from app.state import StateKey

URL = "/dev/mails"
KEPT = 50  # mails
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
)
LIST = (
    '<!doctype html><html lang="en"><title>Mails</title><h1>Mails</h1><ol reversed>{}</ol></html>'
)
ITEM = '<li><a href="{url}/{number}">{subject}</a> to {to}, {date}</li>'
ONE = """<!doctype html><html lang="en"><title>{subject}</title><p><a href="{url}">Mails</a></p>
<h1>{subject}</h1><p>From {sender} to {to}, {date}</p>
<iframe sandbox title="HTML" srcdoc="{html}" width="700" height="400"></iframe>
<pre>{text}</pre></html>
"""

router = APIRouter(include_in_schema=False)


class Preview:
    """The last mails, the newest first."""

    def __init__(self) -> None:
        self.mails: deque[EmailMessage] = deque(maxlen=KEPT)

    def add(self, message: EmailMessage) -> None:
        """Keep a mail."""
        self.mails.appendleft(message)


PREVIEW = StateKey[Preview]("email_preview")


@router.get(URL, response_class=HTMLResponse)
async def list_mails(request: Request) -> HTMLResponse:
    """List the last mails."""
    mails = PREVIEW.get(request.app).mails
    items = [ITEM.format(number=number, **_headers(mail)) for number, mail in enumerate(mails)]
    return _page(LIST.format("".join(items)))


@router.get(URL + "/{number}", response_class=HTMLResponse)
async def show_mail(request: Request, number: int) -> HTMLResponse:
    """Show a mail, as it is read."""
    mails = PREVIEW.get(request.app).mails
    if not 0 <= number < len(mails):
        message = "There is no such mail."
        raise NotFound(message)
    text, html = (mails[number].get_body([kind]) or mails[number] for kind in ("plain", "html"))
    bodies = {"text": escape(text.get_content()), "html": escape(html.get_content())}
    return _page(ONE.format(**bodies, **_headers(mails[number])))


def _headers(mail: EmailMessage) -> dict[str, str]:
    names = {"subject": "Subject", "sender": "From", "to": "To", "date": "Date"}
    return {"url": URL} | {key: escape(str(mail[name])) for key, name in names.items()}


def _page(text: str) -> HTMLResponse:
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})
