"""Table of file metadata; the content is in the object store, under the file's ID."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified, now


class File(Identified, Base):
    """Metadata of an uploaded file."""

    __tablename__ = "files"

    # No foreign key: files outlive their owner; null in services without accounts.
    owner_id: Mapped[UUID | None] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
