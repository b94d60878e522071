"""E-mails with one-time links, and e-mails about changes of accounts."""

from urllib.parse import urlsplit

from fastapi import FastAPI
from pydantic import Field, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from app import settings
from app.auth.local.notices import Notice
from app.auth.local.one_time_links import LINK_SENDER, OneTimeLink
from app.email import EmailQueue, Mail
from app.email.queue import EMAIL_QUEUE
from app.settings import Environment


class AccountMailSettings(settings.EnvironmentSettings):
    """Settings of e-mails with one-time links, such as the front-end page that links open."""

    model_config = SettingsConfigDict(env_prefix="ACCOUNT_MAIL_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    page: str = Field(
        "",
        validate_default=True,
        description="Set it to a page of your front end, such as https://example.com/account.",
    )

    @validator("page")
    @classmethod
    def require_in_production(cls, value: str, info: ValidationInfo) -> str:
        """Require a front-end page in production; default to a local one elsewhere."""
        if not value and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value or "http://localhost:3000/account"

    @validator("page")
    @classmethod
    def require_https(cls, value: str, info: ValidationInfo) -> str:
        """Require https in production, and http or https elsewhere: links contain tokens."""
        is_production = info.data.get("environment") is Environment.PRODUCTION
        schemes = {"https"} if is_production else {"http", "https"}
        url = urlsplit(value)
        if url.scheme not in schemes or not url.hostname:
            message = "It is not an https:// URL"
            raise ValueError(message)
        return value


class LinkMailer:
    """Sender of one-time links and notices that queues an e-mail for each.

    The token is in the fragment of the URL, after `#`. Browsers do not send the fragment to
    servers, so the token appears in no access log and no `Referer` header.
    """

    def __init__(self, page: str, mails: EmailQueue) -> None:
        self.page = page.rstrip("/")
        self.mails = mails

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Queue an e-mail with the link.

        With a session, queue the e-mail after the session commits.
        """
        values = {"link": f"{self.page}/{link.kind.page}#{link.token}", "token": link.token}
        mail = Mail(link.to, f"account_mail/{link.kind}", values)
        self.mails.send(mail, session)

    def notify(self, notice: Notice, session: AsyncSession) -> None:
        """Queue an e-mail about a change of the account, after the session commits."""
        self.mails.send(Mail(notice.to, f"account_mail/{notice.kind}", {}), session)


def install(app: FastAPI) -> None:
    """Install the link mailer as the sender of one-time links."""
    LINK_SENDER.set(app, LinkMailer(settings.read(AccountMailSettings).page, EMAIL_QUEUE.get(app)))
