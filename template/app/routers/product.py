"""Products, over HTTP."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from app.database import ReadSession, Record, Session, StreamSession
from app.errors import Conflict, NotFound, described
from app.export import as_csv
from app.links import Links
from app.models.product import Product
from app.pagination import Page, Slice
from app.schemas.product import (
    ProductCreate,
    ProductFilter,
    ProductQuery,
    ProductRead,
    ProductUpdate,
)
from app.services import product as products

router = APIRouter(prefix="/products", tags=["products"])

CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("", response_model=Page[ProductRead])
async def list_products(
    session: ReadSession, query: Annotated[ProductQuery, Query()], links: Links
) -> Slice[Record]:
    """List products: filtered, searched, sorted, a page at a time."""
    return links.pages(await products.search(session, query))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=ProductRead,
    responses=described(Conflict),
)
async def create_product(session: Session, new: ProductCreate, links: Links) -> Product:
    """Add a product."""
    return links.made(await products.create(session, new))


@router.get("/export", response_class=StreamingResponse, responses=CSV)
async def export_products(
    session: StreamSession, wanted: Annotated[ProductFilter, Query()]
) -> StreamingResponse:
    """Download products as CSV."""
    return await as_csv(ProductRead, products.export(session, wanted), "products")


@router.get("/{product_id}", response_model=ProductRead, responses=described(NotFound))
async def read_product(session: ReadSession, product_id: UUID) -> Record:
    """Show a product."""
    return await products.read(session, product_id)


@router.patch("/{product_id}", response_model=ProductRead, responses=described(NotFound, Conflict))
async def update_product(session: Session, product_id: UUID, changes: ProductUpdate) -> Product:
    """Change a product; what is left out stays as it is."""
    return await products.update(session, product_id, changes)


@router.delete("/{product_id}", status_code=HTTPStatus.NO_CONTENT, responses=described(NotFound))
async def delete_product(session: Session, product_id: UUID) -> None:
    """Remove a product."""
    return await products.delete(session, product_id)
