"""External identities, which link users to their accounts at an OpenID Connect provider."""

from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Identity(Base):
    """A user's identity at a provider: issuer and subject (claims `iss` and `sub`).

    Users are identified by subject, since a provider may reassign an e-mail address to another
    person (account takeover).
    """

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("user_id", "issuer"),)

    issuer: Mapped[str] = mapped_column(String(200), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
