"""Exports: any number of rows as CSV (RFC 4180), with no more than a batch of them in memory."""

import csv
import json
from collections.abc import AsyncGenerator, Sequence
from io import StringIO
from typing import Any

from pydantic import BaseModel
from starlette.responses import StreamingResponse

CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def stream_csv(
    schema: type[BaseModel], batches: AsyncGenerator[Sequence[Any], None], name: str
) -> StreamingResponse:
    """Stream rows as a file to download, in the shape of their schema.

    The first batch is fetched before the answer begins, so that an error can still be told.
    """
    first = await anext(batches)
    return StreamingResponse(
        _lines(schema, first, batches),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


async def _lines(
    schema: type[BaseModel], first: Sequence[Any], rest: AsyncGenerator[Sequence[Any], None]
) -> AsyncGenerator[str, None]:
    yield _written([list(schema.model_fields)])
    yield _written(_cells(schema, row) for row in first)
    async for batch in rest:
        yield _written(_cells(schema, row) for row in batch)


def _cells(schema: type[BaseModel], row: object) -> list[Any]:
    shown = schema.model_validate(row).model_dump(mode="json")
    return [_harmless(shown[name], getattr(row, name)) for name in schema.model_fields]


def _harmless(shown: Any, kept: Any) -> Any:  # noqa: ANN401
    """Keep a spreadsheet from running text as a formula (OWASP, CSV injection)."""
    if isinstance(shown, dict | list):
        return json.dumps(shown, ensure_ascii=False)
    return f"'{shown}" if isinstance(kept, str) and kept.startswith(FORMULA) else shown


def _written(rows: Any) -> str:  # noqa: ANN401
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
