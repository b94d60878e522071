"""Products, as they are kept."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Enum, Numeric, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.enums.product import ProductStatus
from app.models.base import Base, Identified, Timestamped


class Product(Identified, Timestamped, Base):
    """Something that can be bought."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("price >= 0", name="price"),)

    sku: Mapped[str] = mapped_column(String(32), unique=True)
    title: Mapped[str] = mapped_column(String(120), index=True)
    description: Mapped[str | None] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), index=True)
    status: Mapped[ProductStatus] = mapped_column(
        Enum(
            ProductStatus,
            name="status",
            native_enum=False,
            create_constraint=True,
            length=16,
            values_callable=lambda words: [word.value for word in words],
        ),
        default=ProductStatus.DRAFT,
        index=True,
    )
    released_on: Mapped[date | None] = mapped_column(index=True)
