"""Render the status of many services as a static HTML page."""

from __future__ import annotations

from html import escape
from typing import Any

from slipway.commands.fleet import COLUMNS, LISTS, cells, state

HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Services and their templates</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem }
  table { border-collapse: collapse; width: 100% }
  th, td { border-bottom: 1px solid #ddd; padding: .4rem .8rem; text-align: left }
  td { vertical-align: top }
  tr.current td:first-child { border-left: .3rem solid #2a7 }
  tr.behind td:first-child { border-left: .3rem solid #d90 }
  tr.unknown td:first-child { border-left: .3rem solid #c33 }
  ul { list-style: none; margin: 0; padding: 0 }
</style>
"""
BODY = """\
<h1>Services and their templates</h1>
<p>{summary}</p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</html>
"""


def page(statuses: list[dict[str, Any]]) -> str:
    """Return the HTML page with the status of all services, in which all values are escaped."""
    states = [state(each) for each in statuses]
    return HEAD + BODY.format(
        summary=f"{len(states)} services: {states.count('current')} current, {states.count('behind')} behind or"
        f" drifted, {states.count('unknown')} unknown.",
        heads="".join(f"<th>{column}</th>" for column in COLUMNS),
        rows="\n".join(map(row, statuses)),
    )


def row(status: dict[str, Any]) -> str:
    """Return the HTML table row of a service, with its state as CSS class."""
    pairs = zip(COLUMNS, cells(status), strict=True)
    data = "".join(f"<td>{cell(status, column, text)}</td>" for column, text in pairs)
    return f'<tr class="{state(status)}">{data}</tr>'


def cell(status: dict[str, Any], column: str, text: str) -> str:
    """Return an HTML table cell, in which a number of files can be expanded to the list of paths."""
    if column not in LISTS or not status.get(column):
        return escape(text)
    items = "".join(f"<li>{escape(path)}</li>" for path in status[column])
    return f"<details><summary>{escape(text)}</summary><ul>{items}</ul></details>"
