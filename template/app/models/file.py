"""Files, as they are kept: all but their content, which the store keeps under a file's key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified, now


class File(Identified, Base):
    """What is known of a file."""

    __tablename__ = "files"

    # Whose it is, where there are accounts. It may outlive them, and so refers to nothing.
    owner_id: Mapped[UUID | None] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
