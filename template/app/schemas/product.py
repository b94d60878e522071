"""Products, as they are sent and shown."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, Field, WithJsonSchema

from app.enums.product import ProductStatus
from app.pagination import Paging
from app.schemas.base import Line, ReadSchema, Schema, Text

Sku = Annotated[Line, Field(min_length=1, max_length=32, examples=["TEA-001"])]
Title = Annotated[Line, Field(min_length=1, max_length=120, examples=["Green tea"])]
Description = Annotated[Text, Field(max_length=10_000)]
Amount = Annotated[
    Decimal, WithJsonSchema({"type": "string", "format": "decimal", "examples": ["4.50"]})
]
Price = Annotated[Amount, Field(ge=0, max_digits=10, decimal_places=2)]
ProductSort = Literal[
    "created_at", "-created_at", "price", "-price", "released_on", "-released_on", "title", "-title"
]


class ProductCreate(Schema):
    """A product to add."""

    sku: Sku
    title: Title
    description: Description | None = None
    price: Price
    status: ProductStatus = ProductStatus.DRAFT
    released_on: date | None = None


class ProductUpdate(Schema):
    """What changes in a product; what is left out stays."""

    sku: Sku | MISSING = MISSING
    title: Title | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Price | MISSING = MISSING
    status: ProductStatus | MISSING = MISSING
    released_on: date | MISSING | None = MISSING


class ProductRead(ReadSchema):
    """A product."""

    id: UUID
    sku: str
    title: str
    description: str | None
    price: Amount
    status: ProductStatus
    released_on: date | None
    created_at: datetime
    updated_at: datetime


class ProductFilter(Schema):
    """Which products are meant; without a word, all."""

    search: Annotated[Line, Field(max_length=120)] | None = None
    status: list[ProductStatus] = Field([])
    price_from: Price | None = None
    price_to: Price | None = None
    released_from: date | None = None
    released_to: date | None = None


class ProductQuery(ProductFilter, Paging):
    """Which products are meant, in which order, and which page of them."""

    sort: ProductSort = "created_at"
