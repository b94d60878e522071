"""What can be done with products."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Record, flush, records
from app.errors import NotFound
from app.models.product import Product
from app.pagination import Slice
from app.schemas.product import (
    ProductCreate,
    ProductFilter,
    ProductQuery,
    ProductSort,
    ProductUpdate,
)

MISSING = "There is no such product."
BATCH = 500  # rows that an export holds at a time

# What is only shown is read as records, by statements made once: half the cost of objects that
# could be changed.
ROWS = select(Product.__table__)
ONE = ROWS.where(Product.id == bindparam("id"))
COUNT = select(func.count()).select_from(Product)
PAGES = {
    sort: ROWS.order_by(
        (column.desc() if sort.startswith("-") else column.asc()).nulls_last(), Product.id
    )
    .limit(bindparam("size", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
    for sort in get_args(ProductSort)
    for column in [getattr(Product, sort.removeprefix("-"))]
}


async def create(session: AsyncSession, new: ProductCreate) -> Product:
    """Add a product, unless its SKU is taken."""
    product = Product(**new.model_dump())
    session.add(product)
    await flush(session)
    return product


async def read(session: AsyncSession, product_id: UUID) -> Record:
    """Find a product, to show it."""
    found = records(await session.execute(ONE, {"id": product_id}))
    if not found:
        raise NotFound(MISSING)
    return found[0]


async def get(session: AsyncSession, product_id: UUID) -> Product:
    """Find a product, to change it; whoever else wants to waits until that is done."""
    product = await session.get(Product, product_id, with_for_update=True)
    if product is None:
        raise NotFound(MISSING)
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


async def search(session: AsyncSession, query: ProductQuery) -> Slice[Record]:
    """Find a page of products, and how many there are in all."""
    page, count = PAGES[query.sort], COUNT
    if conditions := list(_conditions(query)):
        page, count = page.where(*conditions), count.where(*conditions)
    found = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(count)
    return Slice(records(found), total or 0, query)


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
