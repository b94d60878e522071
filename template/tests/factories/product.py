"""Products for tests: sound, and each different from the others, unless a test says otherwise."""

from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.models.product import Product
from app.schemas.product import ProductCreate

_numbers = count(1)


def payload(**changes: object) -> dict[str, Any]:
    """Make what a client would send."""
    number = next(_numbers)
    return {"sku": f"SKU-{number:06}", "title": f"Product {number}", "price": "9.99"} | changes


async def make(session: AsyncSession, **changes: object) -> Product:
    """Make a product that is kept."""
    product = Product(**ProductCreate.model_validate(payload(**changes)).model_dump())
    session.add(product)
    await session.commit()
    return product
