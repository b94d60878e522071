"""The words of a product's fields."""

from enum import StrEnum


class ProductStatus(StrEnum):
    """How far a product has come."""

    DRAFT = "draft"
    LIVE = "live"
    RETIRED = "retired"
