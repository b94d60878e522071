"""Links for people who sign in, as mails."""

from fastapi import FastAPI
from pydantic import Field, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from app import settings
from app.auth.local.one_time_links import LINK_SENDER, OneTimeLink
from app.email import EmailQueue, Mail
from app.email.queue import EMAIL_QUEUE
from app.settings import Environment


class AccountMailSettings(settings.EnvironmentSettings):
    """Where links lead."""

    model_config = SettingsConfigDict(env_prefix="ACCOUNT_MAIL_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    page: str = Field(
        "", validate_default=True, description="Set it to an address of yours, https://…/account."
    )

    @validator("page")
    @classmethod
    def given(cls, value: str, info: ValidationInfo) -> str:
        """Refuse production without a page; in development, that of a front end to come."""
        if not value and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value or "http://localhost:3000/account"


class LinkMailer:
    """Sends links as mails. The token stands where no server on the way logs it, after a `#`."""

    def __init__(self, page: str, mails: EmailQueue) -> None:
        self.page = page.rstrip("/")
        self.mails = mails

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Send a link, once what the session has done is committed."""
        values = {"link": f"{self.page}/{link.letter}#{link.token}", "token": link.token}
        mail = Mail(link.to, f"account_mail/{link.letter}", values)
        self.mails.send(mail, session)


def install(app: FastAPI) -> None:
    """Have links sent as mails."""
    LINK_SENDER.set(app, LinkMailer(settings.read(AccountMailSettings).page, EMAIL_QUEUE.get(app)))
