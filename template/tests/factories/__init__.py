"""What tests make, one module a resource."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Identified

T = TypeVar("T", bound=Identified)


async def some(
    session: AsyncSession, model: type[T], make: Callable[[AsyncSession], Awaitable[T]]
) -> T:
    """Give the oldest row that is there; make one where there is none."""
    found = (await session.scalars(select(model).order_by(model.id).limit(1))).first()
    return found or await make(session)
