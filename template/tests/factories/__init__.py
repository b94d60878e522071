"""Factories of test data, one module per resource."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import pydantic_core
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Identified

T = TypeVar("T", bound=Identified)


def to_jsonable_python(value: Any) -> Any:  # noqa: ANN401 - any value of a column
    """Return a value of JSON, in which decimals have no exponent, as in responses."""
    if isinstance(value, dict):
        return {key: to_jsonable_python(each) for key, each in value.items()}
    if isinstance(value, Decimal):
        return f"{value:f}"
    return pydantic_core.to_jsonable_python(value)


async def some(
    session: AsyncSession, model: type[T], make: Callable[[AsyncSession], Awaitable[T]]
) -> T:
    """Return the oldest row of a model; create one if there is none."""
    row = (await session.scalars(select(model).order_by(model.id).limit(1))).first()
    return row or await make(session)
