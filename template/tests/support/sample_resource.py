"""Sample resource `jots` (short notes) for tests, built like other resources.

The table `jots` is in all test databases, but has separate metadata, so no migration contains it.
No resource of the service may be named `jots`. `python -m tests.support.sample_resource COMMAND`
runs a command of the service with this resource.
"""

import sys
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from itertools import count
from typing import Annotated, Any, Literal, get_args
from unittest.mock import patch
from uuid import UUID

from fastapi import APIRouter, FastAPI, Query
from pydantic import Field
from sqlalchemy import JSON, BigInteger, ForeignKey, MetaData, Numeric, String, func, select
from sqlalchemy import Text as LongString
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship
from starlette.responses import StreamingResponse

from app import main
from app.__main__ import main as run
from app.database import (
    ReadSession,
    Record,
    Session,
    StreamSession,
    flush,
    lock_references,
    objects,
    records,
    remove,
)
from app.errors import Conflict, NotFound, error_responses
from app.export import CSV, stream_csv
from app.filtering import (
    Filters,
    at_least,
    at_most,
    conditions,
    contains,
    equals,
    one_of,
    page_statements,
)
from app.links import Links
from app.models.base import Base, Identified, Timestamped, check, enum_check, enum_type
from app.pagination import Page, Paging, Slice
from app.schemas.base import BigInteger as BigNumber
from app.schemas.base import Json, Line, Moment, ReadSchema, Schema, Text
from tests.support.timeouts import raise_timeouts

URL = "/jots"
BATCH = 500

router = APIRouter(prefix=URL, tags=["jots"])
_numbers = count(1)


class JotKind(StrEnum):
    """Kind of a jot, a sample enumeration."""

    IDEA = "idea"
    TASK = "task"


class JotBase(Base):
    """Base class of sample models, which are not in the service's metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class Jot(Identified, Timestamped, JotBase):
    """Short note, the row of the sample resource."""

    __tablename__ = "jots"
    __table_args__ = (
        check("amount > -100000000"),
        check("amount < 100000000"),
        enum_check("kind", JotKind),
    )

    title: Mapped[str] = mapped_column(String(40), unique=True)
    text: Mapped[str | None] = mapped_column(LongString)
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2), default=Decimal("0.00"))
    kind: Mapped[JotKind] = mapped_column(enum_type(JotKind), default=JotKind.IDEA)
    extra: Mapped[dict[str, Any] | list[Any] | None] = mapped_column(JSON(none_as_null=True))
    follows_id: Mapped[UUID | None] = mapped_column(ForeignKey("jots.id", ondelete="RESTRICT"))
    code: Mapped[str | None] = mapped_column(String(40), unique=True)
    due_at: Mapped[datetime | None] = mapped_column(unique=True)
    number: Mapped[int | None] = mapped_column(BigInteger)

    follows: Mapped["Jot | None"] = relationship(remote_side="Jot.id", lazy="raise")


JotSort = Literal["created_at", "-created_at", "text", "-text"]
PAGES = page_statements(select(Jot.__table__), Jot, get_args(JotSort))
FILTERS: Filters = {
    "search": contains(Jot.title, Jot.text),
    "title": equals(Jot.title),
    "kind": one_of(Jot.kind),
    "amount_from": at_least(Jot.amount),
    "amount_to": at_most(Jot.amount),
    "due_at": equals(Jot.due_at),
    "number": equals(Jot.number),
}


class JotCreate(Schema):
    """Request body that creates a jot."""

    title: Annotated[Line, Field(min_length=1, max_length=40)]
    text: Text | None = None
    amount: Decimal = Field(Decimal("0.00"), max_digits=10, decimal_places=2)
    kind: JotKind = JotKind.IDEA
    extra: Json | None = None
    follows_id: UUID | None = None
    code: Annotated[Line, Field(max_length=40)] | None = None
    due_at: Moment | None = None
    number: BigNumber | None = None


class JotUpdate(Schema):
    """Request body that updates a jot."""

    text: Text | None


class JotRead(ReadSchema):
    """Jot in a response."""

    id: UUID
    title: str
    text: str | None
    amount: Decimal
    kind: JotKind
    extra: dict[str, Any] | list[Any] | None
    follows_id: UUID | None
    code: str | None
    due_at: datetime | None
    number: int | None


class JotFilter(Schema):
    """Query parameters that filter a list of jots; all are optional."""

    search: Line | None = None
    title: Line | None = None
    kind: list[JotKind] = Field([])
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    due_at: Moment | None = None
    number: BigNumber | None = None


class JotQuery(JotFilter, Paging):
    """Query parameters that filter, sort and paginate a list of jots."""

    sort: JotSort = "created_at"


@router.get("", response_model=Page[JotRead])
async def list_jots(
    session: ReadSession, query: Annotated[JotQuery, Query()], links: Links
) -> Slice[Record]:
    """List jots with filters, sorting and pagination."""
    where = conditions(query, FILTERS)
    page = PAGES[query.sort].where(*where)
    result = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(select(func.count()).select_from(Jot).where(*where))
    return links.pages(Slice(records(result), total or 0, query))


@router.post(
    "", status_code=HTTPStatus.CREATED, response_model=JotRead, responses=error_responses(Conflict)
)
async def create_jot(session: Session, new: JotCreate, links: Links) -> Jot:
    """Create a jot; 409 on a duplicate title."""
    values = new.model_dump()
    await lock_references(session, Jot, values)
    jot = Jot(**values)
    session.add(jot)
    await flush(session)
    return links.made(jot)


@router.get("/export", response_class=StreamingResponse, responses=CSV)
async def export_jots(
    session: StreamSession, filters: Annotated[JotFilter, Query()]
) -> StreamingResponse:
    """Export jots as CSV."""
    return await stream_csv(JotRead, batches(session, filters), "jots")


@router.get("/{jot_id}", response_model=JotRead, responses=error_responses(NotFound))
async def read_jot(session: ReadSession, jot_id: UUID) -> Jot:
    """Return one jot; 404 if missing."""
    return first(objects(await session.execute(select(Jot).where(Jot.id == jot_id))))


@router.patch("/{jot_id}", response_model=JotRead, responses=error_responses(NotFound))
async def update_jot(session: Session, jot_id: UUID, changes: JotUpdate) -> Jot:
    """Update the text of a jot; 404 if missing."""
    jot = await get(session, jot_id)
    jot.text = changes.text
    await flush(session)
    return jot


@router.delete(
    "/{jot_id}", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(NotFound, Conflict)
)
async def delete_jot(session: Session, jot_id: UUID) -> None:
    """Delete a jot; 404 if missing, 409 if referenced."""
    await remove(session, await get(session, jot_id))


async def get(session: AsyncSession, jot_id: UUID) -> Jot:
    """Return one jot locked `FOR UPDATE`; 404 if missing."""
    result = await session.execute(select(Jot).where(Jot.id == jot_id).with_for_update())
    return first(objects(result))


def first(jots: Sequence[Jot]) -> Jot:
    """Return the first of the given jots; 404 if there are none."""
    if not jots:
        raise NotFound("There is no such jot.")
    return jots[0]


async def batches(session: AsyncSession, filters: JotFilter) -> AsyncGenerator[Sequence[Jot], None]:
    """Yield all jots that match, in batches ordered by id."""
    statement = select(Jot).where(*conditions(filters, FILTERS)).order_by(Jot.id).limit(BATCH)
    async with session:  # closed, so that a slow client does not hold a database connection
        batch = (await session.scalars(statement)).all()
    yield batch
    while len(batch) == BATCH:
        async with session:
            batch = (await session.scalars(statement.where(Jot.id > batch[-1].id))).all()
        yield batch


def payload(**changes: object) -> dict[str, Any]:
    """Return the JSON body of a request that creates a jot."""
    return {"title": f"Jot {next(_numbers)}"} | changes


async def make(session: AsyncSession, **changes: object) -> Jot:
    """Insert a jot, and commit."""
    jot = Jot(**JotCreate.model_validate(payload(**changes)).model_dump())
    session.add(jot)
    await session.commit()
    return jot


def create_app() -> FastAPI:
    """Create the application of the service with the resource `jots`."""
    app = main.create_app()
    app.include_router(router)
    return app


if __name__ == "__main__":
    raise_timeouts(setattr)
    with patch("app.server.create_app", create_app):
        sys.exit(run())
