"""Request and response schemas of users and roles."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, Field, TypeAdapter, ValidationError

from app.pagination import Paging
from app.schemas.base import NFC, AsciiEmail, Line, ReadSchema, Schema

Email = Annotated[AsciiEmail, Field(max_length=320)]
Name = Annotated[Line, Field(min_length=1, max_length=40), NFC]
FullName = Annotated[Line, Field(min_length=1, max_length=100)]
Roles = Annotated[list[Name], Field(max_length=40, description="Names of roles.", examples=[[]])]
Permission = Annotated[
    str, Field(pattern=r"^(\*|[a-z0-9_-]+:[a-z]+)$", max_length=80, examples=["users:read"])
]
UserSort = Literal["created_at", "-created_at", "email", "-email"]

_EMAIL = TypeAdapter[str](Email)


def normalize_email(text: str) -> str:
    """Return an e-mail address as the database stores it; invalid ones only in lower case."""
    try:
        return _EMAIL.validate_python(text)
    except ValidationError:
        return text.lower()


class RoleRead(ReadSchema):
    """A role and its permissions."""

    name: str
    permissions: list[str]


class RoleChange(Schema):
    """Permissions of a role, which replace its previous permissions."""

    permissions: list[Permission] = Field(max_length=200)


class UserRead(ReadSchema):
    """A user's e-mail address, name, roles and account status."""

    id: UUID
    email: str
    name: str | None
    roles: list[RoleRead]
    verified_at: datetime | None
    disabled_at: datetime | None
    created_at: datetime


class UserCreate(Schema):
    """E-mail address, name and roles of a user whom an administrator creates."""

    email: Email
    name: FullName | None = None
    roles: Roles = Field(default_factory=list)


class UserUpdate(Schema):
    """Partial update of a user, in which omitted fields are unchanged."""

    name: FullName | MISSING | None = MISSING
    roles: Roles | MISSING = MISSING
    disabled: bool | MISSING = MISSING


class ProfileUpdate(Schema):
    """Partial update of the current user, in which omitted fields are unchanged."""

    name: FullName | MISSING | None = MISSING


class UserFilter(Schema):
    """Filters of the list of users; omitted filters match every user."""

    search: Line | None = None
    role: Name | None = None


class UserQuery(UserFilter, Paging):
    """Filters, sort order and page of the list of users."""

    sort: UserSort = "created_at"
