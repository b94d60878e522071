"""Request and response schemas of API keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, FutureDatetime

from app.schemas.base import ReadSchema, Schema, in_utc, not_unix_time
from app.schemas.user import Name, Permission

Expiry = Annotated[
    datetime,
    AwareDatetime,
    FutureDatetime,
    BeforeValidator(not_unix_time),
    AfterValidator(in_utc),
]
Scopes = Annotated[list[Permission], Field(max_length=200)]


class ApiKeyCreate(Schema):
    """Fields of a new API key."""

    name: Name
    scopes: Scopes = Field(
        description="Permissions of the key; each is effective while its user has it, too."
    )
    expires_at: Expiry | None = Field(None, examples=["2099-12-31T23:59:59Z"])


class ApiKeyRead(ReadSchema):
    """An API key, without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class ApiKeyCreated(ApiKeyRead):
    """A new API key with its secret, which is returned only once."""

    key: str
