"""Request and response schemas for registration, login, token refresh and password reset."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.schemas.base import ReadSchema, Schema
from app.schemas.user import Email

NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=128)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class Registration(Schema):
    """E-mail address and password of a new account."""

    email: Email
    password: NewPassword


class Login(Schema):
    """E-mail address and password; `cookie` requests the refresh token as an HttpOnly cookie."""

    email: Email
    password: Secret
    cookie: bool = False


class RefreshRequest(Schema):
    """A refresh token; browsers omit it, and send the cookie instead."""

    refresh_token: Secret | None = None


class PasswordResetRequest(Schema):
    """The e-mail address of the account whose password is to be reset."""

    email: Email


class OneTimeToken(Schema):
    """The token from a one-time link."""

    token: Secret


class PasswordReset(OneTimeToken):
    """A new password, and the token from a password reset link."""

    password: NewPassword


class PasswordChange(Schema):
    """A new password, and the current password."""

    current: Secret
    new: NewPassword
    keep_api_keys: bool = Field(default=False, description="If false, API keys are revoked.")


class EmailChange(Schema):
    """A new e-mail address, and the current password."""

    email: Email
    current: Secret


class TokenPair(ReadSchema):
    """Response with an access token and a refresh token (OAuth 2.0, RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Lifetime of the access token in seconds.")
    refresh_token: str | None = Field(None, description="Null if it is set as a cookie.")


class Accepted(ReadSchema):
    """Response that does not reveal whether an account exists."""

    detail: str = "If the address is valid, an e-mail has been sent."


class PublicKeys(ReadSchema):
    """The public keys as a JSON Web Key Set (RFC 7517, section 5)."""

    keys: list[dict[str, str]]
