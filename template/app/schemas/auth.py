"""Signing in and out, as it is sent and answered."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.schemas.base import ReadSchema, Schema
from app.schemas.user import Email

NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=128)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class Registration(Schema):
    """Somebody who wants to sign in from now on."""

    email: Email
    password: NewPassword


class Login(Schema):
    """Somebody who signs in; a browser keeps its refresh token in a cookie that no script reads."""

    email: Email
    password: Secret
    cookie: bool = False


class RefreshRequest(Schema):
    """A refresh token; a browser sends its cookie instead."""

    refresh_token: Secret | None = None


class PasswordResetRequest(Schema):
    """Where a link is to be sent."""

    email: Email


class OneTimeToken(Schema):
    """The token of a link that works once."""

    token: Secret


class PasswordReset(OneTimeToken):
    """A new password, for whoever has the link."""

    password: NewPassword


class PasswordChange(Schema):
    """A new password, from somebody who knows the old one."""

    current: Secret
    new: NewPassword


class TokenPair(ReadSchema):
    """What somebody who signed in shows from now on (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds.")
    refresh_token: str | None = Field(None, description="Left out where a cookie holds it.")


class Accepted(ReadSchema):
    """What was done, told alike whether or not there is such a user."""

    detail: str = "If that can be, a message is on its way."


class PublicKeys(ReadSchema):
    """The keys that tokens are signed with (RFC 7517)."""

    keys: list[dict[str, str]]
