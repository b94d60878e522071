"""The services of a fleet on one page of HTML, which loads nothing and runs nothing."""

from html import escape
from typing import Any

from .fleet import COLUMNS, LISTS, cells, kind

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
  tr.fine td:first-child { border-left: .3rem solid #2a7 }
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


def page(found: list[dict[str, Any]]) -> str:
    """Draw the page; whatever a service says of itself is text on it."""
    kinds = [kind(each) for each in found]
    return HEAD + BODY.format(
        summary=f"Of {len(found)} services, {kinds.count('fine')} are at the newest version and"
        f" lack nothing, {kinds.count('behind')} are behind or have drifted, and"
        f" {kinds.count('unknown')} cannot tell.",
        heads="".join(f"<th>{column}</th>" for column in COLUMNS),
        rows="\n".join(map(row, found)),
    )


def row(found: dict[str, Any]) -> str:
    pairs = zip(COLUMNS, cells(found), strict=True)
    data = "".join(f"<td>{cell(found, column, text)}</td>" for column, text in pairs)
    return f'<tr class="{kind(found)}">{data}</tr>'


def cell(found: dict[str, Any], column: str, text: str) -> str:
    """Write a cell; the number of some files opens into their list."""
    if column not in LISTS or not found.get(column):
        return escape(text)
    items = "".join(f"<li>{escape(path)}</li>" for path in found[column])
    return f"<details><summary>{escape(text)}</summary><ul>{items}</ul></details>"
