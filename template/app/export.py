"""CSV export (RFC 4180) that streams any number of rows, with one batch in memory."""

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
FORMULA_PREFIXES = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # the last four are full-width


async def stream_csv(
    schema: type[BaseModel], batches: AsyncGenerator[Sequence[Any], None], name: str
) -> StreamingResponse:
    """Stream rows as a CSV download, with a schema's fields as columns.

    The first batch is fetched before the response starts, so an error in it still sets the status.
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
    yield _encode([list(schema.model_fields)])
    yield _encode(_cells(schema, row) for row in first)
    async for batch in rest:
        yield _encode(_cells(schema, row) for row in batch)


def _cells(schema: type[BaseModel], row: object) -> list[Any]:
    values = schema.model_validate(row).model_dump(mode="json")
    return [_escape(values[name], getattr(row, name)) for name in schema.model_fields]


def _escape(value: Any, stored: Any) -> Any:  # noqa: ANN401
    """Prefix text that a spreadsheet would execute as a formula (OWASP, CSV injection)."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    is_formula = isinstance(stored, str) and stored.startswith(FORMULA_PREFIXES)
    return f"'{value}" if is_formula else value


def _encode(rows: Any) -> str:  # noqa: ANN401
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
