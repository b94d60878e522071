"""What can be done with products."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import flush
from app.errors import NotFound
from app.models.product import Product
from app.pagination import Slice
from app.schemas.product import ProductCreate, ProductFilter, ProductQuery, ProductUpdate

BATCH = 500  # rows that an export holds at a time


async def create(session: AsyncSession, new: ProductCreate) -> Product:
    """Add a product, unless its SKU is taken."""
    product = Product(**new.model_dump())
    session.add(product)
    await flush(session)
    return product


async def get(session: AsyncSession, product_id: UUID) -> Product:
    """Find a product."""
    product = await session.get(Product, product_id)
    if product is None:
        message = "There is no such product."
        raise NotFound(message)
    return product


async def update(session: AsyncSession, product_id: UUID, changes: ProductUpdate) -> Product:
    """Change what is given, unless its SKU is taken."""
    product = await get(session, product_id)
    for field, value in changes.model_dump().items():
        setattr(product, field, value)
    await flush(session)
    return product


async def delete(session: AsyncSession, product_id: UUID) -> None:
    """Remove a product."""
    await session.delete(await get(session, product_id))


async def search(session: AsyncSession, query: ProductQuery) -> Slice[Product]:
    """Find a page of products, and how many there are in all."""
    conditions = list(_conditions(query))
    column = getattr(Product, query.sort.removeprefix("-"))
    order = column.desc() if query.sort.startswith("-") else column.asc()
    found = await session.scalars(
        select(Product)
        .where(*conditions)
        .order_by(order.nulls_last(), Product.id)
        .offset(query.offset)
        .limit(query.size)
    )
    total = await session.scalar(select(func.count()).select_from(Product).where(*conditions))
    return Slice(found.all(), total or 0, query)


async def export(
    session: AsyncSession, wanted: ProductFilter
) -> AsyncGenerator[Sequence[Product], None]:
    """Find products in the order of their making, so many at a time; no cursor stays open."""
    statement = select(Product).where(*_conditions(wanted)).order_by(Product.id).limit(BATCH)
    batch = (await session.scalars(statement)).all()
    yield batch
    while len(batch) == BATCH:
        session.expunge_all()
        batch = (await session.scalars(statement.where(Product.id > batch[-1].id))).all()
        yield batch


def _conditions(wanted: ProductFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.search:
        words = (Product.sku, Product.title, Product.description)
        yield or_(*(column.icontains(wanted.search, autoescape=True) for column in words))
    if wanted.status:
        yield Product.status.in_(wanted.status)
    if wanted.price_from is not None:
        yield Product.price >= wanted.price_from
    if wanted.price_to is not None:
        yield Product.price <= wanted.price_to
    if wanted.released_from is not None:
        yield Product.released_on >= wanted.released_from
    if wanted.released_to is not None:
        yield Product.released_on <= wanted.released_to
