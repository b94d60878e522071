"""Factories of test data, one module per resource."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Identified

T = TypeVar("T", bound=Identified)


async def some(
    session: AsyncSession, model: type[T], make: Callable[[AsyncSession], Awaitable[T]]
) -> T:
    """Return the oldest row of a model; create one if there is none."""
    row = (await session.scalars(select(model).order_by(model.id).limit(1))).first()
    return row or await make(session)
