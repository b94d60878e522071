"""API keys, as they are sent and shown."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.schemas.base import Moment, ReadSchema, Schema
from app.schemas.user import Name, Permission

Scopes = Annotated[list[Permission], Field(max_length=200)]


class ApiKeyCreate(Schema):
    """An API key to make."""

    name: Name
    scopes: Scopes = Field(description="Permissions that it has as long as its user has them.")
    expires_at: Moment | None = None


class ApiKeyRead(ReadSchema):
    """An API key, of which only the beginning is shown."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class ApiKeyMade(ApiKeyRead):
    """An API key that was just made, and is shown this once."""

    key: str
