"""Edit an answers file in place, so that unchanged values keep their lines, comments and order.

The text is divided into the lines of each key and list item. Lines of unchanged values are copied; only changed values
are dumped again, in the style of their neighbours.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeGuard

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STEP = 4  # columns of indentation, if the file has no nested mapping
ENDLESS = 2**20  # characters: no line is wrapped


def merged_record(text: bytes, record: Mapping[str, Any]) -> bytes:
    """Return the text of an answers file with new values, but with its old comments and formatting."""
    old = yaml.safe_load(text)
    if is_same(old, dict(record)):
        return text
    decoded = text.decode()
    newline = "\r\n" if "\r\n" in decoded else "\n"
    lines = decoded.replace("\r\n", "\n").split("\n")
    # Aliases share the lines of their anchors, so the values of whole questions are replaced then.
    for is_deep in (True, False):
        edited = Editor(lines, is_deep=is_deep).edited(old, record)
        if is_equal(edited, record):
            return edited.replace("\n", newline).encode()
    return yaml.safe_dump(dict(record), sort_keys=False, allow_unicode=True).replace("\n", newline).encode()


def is_equal(text: str, record: Mapping[str, Any]) -> bool:
    """Return whether a YAML text has exactly these keys and values, in this order."""
    try:
        return json.dumps(yaml.safe_load(text), default=str) == json.dumps(record, default=str)
    except yaml.YAMLError:
        return False


def inline(value: object) -> str:
    """Return a value as YAML in flow style on a single line, such as `{name: title}`."""
    if isinstance(value, str) and "\n" in value:
        return json.dumps(value, ensure_ascii=False)
    dumped = yaml.safe_dump(value, width=ENDLESS, default_flow_style=True, sort_keys=False, allow_unicode=True)
    return dumped.removesuffix("\n").removesuffix("\n...")


def is_block(node: Node) -> TypeGuard[MappingNode | SequenceNode]:
    """Return whether a YAML node is a non-empty list or mapping in block style."""
    return isinstance(node, MappingNode | SequenceNode) and not node.flow_style and bool(node.value)


def is_filled(value: object) -> bool:
    """Return whether a value is a non-empty list or mapping, which YAML's block style can represent."""
    return isinstance(value, dict | list) and bool(value)


def indentation(line: str) -> int:
    """Return the number of spaces at the start of a line."""
    return len(line) - len(line.lstrip(" "))


@dataclass
class Entry:
    """A key of a YAML mapping or an item of a list, with its value and the comments above it."""

    name: object  # the key; the place of an item
    node: Node  # the value
    lead: int  # the first line, with the comments above
    start: int  # the line of the key, or of the dash
    end: int  # the line after the last one


class Editor:
    """Replaces values in the lines of a YAML document, without touching other lines."""

    def __init__(self, lines: list[str], *, is_deep: bool) -> None:
        self.lines = lines
        self.is_deep = is_deep
        self.step = next(nested_steps(lines), STEP)

    def edited(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
        """Return the YAML document with new values."""
        root = yaml.compose("\n".join(self.lines), Loader=yaml.SafeLoader)
        if not isinstance(root, MappingNode) or root.flow_style:
            return yaml.safe_dump(dict(new), sort_keys=False, allow_unicode=True)
        entries = self.entries(root, 0, len(self.lines))
        entries[0].lead = entries[0].start  # the comments at the top stay there
        body = self.mapping(entries, old, new, root.start_mark.column)
        return "\n".join([*self.lines[: entries[0].lead], *body, *self.lines[entries[-1].end :]])

    # ── Divide ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def entries(self, node: MappingNode | SequenceNode, lead: int, end: int) -> list[Entry]:
        """Divide the lines of a block-style list or mapping into its entries.

        The first entry begins at line `lead` with the comments above it; the last one ends before line `end`.
        """
        column = node.start_mark.column
        entries: list[Entry] = []
        for place, each in enumerate(node.value):
            key, value = each if isinstance(node, MappingNode) else (None, each)
            name = constructed(key) if key else place
            start = key.start_mark.line if key else self.dash(value, column)
            if entries:
                lead = entries[-1].end = self.end(entries[-1].node, entries[-1].start, start, column)
            entries.append(Entry(name, value, lead, start, end))
        entries[-1].end = self.end(entries[-1].node, entries[-1].start, end, max(column - 1, 0))
        return entries

    def dash(self, value: Node, column: int) -> int:
        """Return the number of the line that has the dash of a list item.

        The item's value can begin on a later line.
        """
        line: int = value.start_mark.line
        while self.lines[line][column : column + 1] != "-" and line:
            line -= 1
        return line

    def end(self, node: Node, start: int, limit: int, column: int) -> int:
        """Return the line after an entry and its trailing comments that are indented deeper than `column`."""
        end = min(limit, max(start, node.end_mark.line - (node.end_mark.column == 0)) + 1)
        while end > start + 1 and is_comment(self.lines[end - 1]):  # a block ends where the next text begins
            end -= 1
        following = end
        while following < limit and is_comment(self.lines[following]):
            if self.lines[following].strip() and indentation(self.lines[following]) <= column:
                break
            following += 1
            end = following if self.lines[following - 1].strip() else end
        return end

    # ── Merge ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def mapping(self, entries: list[Entry], old: Mapping[Any, Any], new: Mapping[Any, Any], column: int) -> list[str]:
        """Return the lines of a YAML mapping with new values."""
        by_name = {entry.name: entry for entry in entries}
        is_flow = any(isinstance(entry.node, MappingNode) and entry.node.flow_style for entry in entries)
        lines = []
        for name, value in new.items():
            entry = by_name.get(name)
            if entry is None:
                lines += self.written(f"{' ' * column}{inline(name)}:", value, column, is_flow=is_flow)
                continue
            lines += self.lines[entry.lead : entry.start]
            lines += self.entry(entry, old[name], value, column)
        return lines

    def sequence(self, entries: list[Entry], old: list[Any], new: list[Any], column: int) -> list[str]:
        """Return the lines of a YAML list with new items."""
        lines = []
        for place, value in zip(matches(old, new), new, strict=True):
            if place is None:
                lines += self.item(value, column, self.gap(entries))
                continue
            entry = entries[place]
            lines += self.lines[entry.lead : entry.start]
            lines += self.entry(entry, old[place], value, column)
        return lines

    def entry(self, entry: Entry, old: Any, new: Any, column: int) -> list[str]:  # noqa: ANN401 - any YAML
        """Return the lines of a key or list item with a new value."""
        lines, node = self.lines[entry.start : entry.end], entry.node
        if is_same(old, new):
            return lines
        start, end = node.start_mark, node.end_mark
        if self.is_deep and is_block(node) and type(old) is type(new) and new:
            inner = self.entries(node, entry.start + (start.line > entry.start), entry.end)
            if start.line > entry.start:  # below its key
                return [self.lines[entry.start], *self.nested(node, inner, old, new)]
            prefix = self.lines[start.line][: start.column]  # beside its dash
            inner[0].lead = inner[0].start
            return prefixed(prefix, self.nested(node, inner, old, new), column)
        fits = not is_filled(new) or (isinstance(node, MappingNode | SequenceNode) and node.value)
        if start.line == end.line == entry.start and not is_block(node) and fits:
            before, after = lines[0][: start.column], lines[0][end.column :]
            return [f"{before}{'' if before.endswith(' ') else ' '}{inline(new)}{after}", *lines[1:]]
        if isinstance(entry.name, int) and lines[0][column : column + 1] == "-":
            return self.item(new, column, 1)
        return self.written(f"{' ' * column}{inline(entry.name)}:", new, column, is_flow=False)

    def nested(self, node: Node, entries: list[Entry], old: Any, new: Any) -> list[str]:  # noqa: ANN401 - any YAML
        """Return the lines of a nested block-style list or mapping with new values."""
        merge = self.mapping if isinstance(node, MappingNode) else self.sequence
        return merge(entries, old, new, node.start_mark.column)

    # ── Write ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def written(self, key: str, value: Any, column: int, *, is_flow: bool) -> list[str]:  # noqa: ANN401 - any YAML
        """Return the lines of a new key in a mapping."""
        if is_flow or not is_filled(value):
            return [f"{key} {inline(value)}"]
        lines = [key]
        if isinstance(value, list):
            return [key, *(line for item in value for line in self.item(item, column, self.step - 1))]
        inner = column + self.step
        for name, each in value.items():
            lines += self.written(f"{' ' * inner}{inline(name)}:", each, inner, is_flow=False)
        return lines

    def item(self, value: Any, column: int, gap: int) -> list[str]:  # noqa: ANN401 - any YAML
        """Return the lines of a new list item, with `gap` spaces between its dash and a list or mapping."""
        if not is_filled(value):
            return [f"{' ' * column}- {inline(value)}"]
        inner = column + 1 + gap
        if isinstance(value, list):
            lines = [line for each in value for line in self.item(each, inner, gap)]
        else:
            named = [(f"{' ' * inner}{inline(name)}:", each) for name, each in value.items()]
            lines = [line for key, each in named for line in self.written(key, each, inner, is_flow=False)]
        return prefixed(f"{' ' * column}-{' ' * gap}", lines, column)

    def gap(self, entries: Sequence[Entry]) -> int:
        """Return the number of spaces between the dash of a list item and its text."""
        blocks = [entry.node for entry in entries if is_block(entry.node)]
        if not blocks:
            return 1
        line, column = blocks[0].start_mark.line, blocks[0].start_mark.column
        before = self.lines[line][:column]
        return max(1, len(before) - len(before.rstrip(" ")))


def constructed(node: Node) -> Any:  # noqa: ANN401 - any YAML
    """Return the Python value of a YAML key."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()


def is_comment(line: str) -> bool:
    """Return whether a line is blank or a comment."""
    return line.strip().startswith("#") or not line.strip()


def is_same(old: object, new: object) -> bool:
    """Return whether two values are equal, including the order of their keys."""
    return type(old) is type(new) and json.dumps(old, default=str) == json.dumps(new, default=str)


def prefixed(prefix: str, lines: list[str], column: int) -> list[str]:
    """Write the dash of a list item into the first of its lines that is not a comment."""
    place = next((place for place, line in enumerate(lines) if not is_comment(line)), 0)
    mark = prefix if prefix.strip(" ") else f"{' ' * column}-{prefix[column + 1 :]}"
    return [*lines[:place], mark + lines[place][len(mark) :], *lines[place + 1 :]]


def matches(old: list[Any], new: list[Any]) -> Iterator[int | None]:
    """Yield the index of the old item that each new list item replaces; None for an added item."""
    unmatched = dict(enumerate(old))
    names = {value["name"]: place for place, value in unmatched.items() if isinstance(value, dict) and "name" in value}
    taken = {value.get("name") for value in new if isinstance(value, dict)}
    for value in new:
        place = next((place for place, each in unmatched.items() if is_same(each, value)), None)
        if place is None and isinstance(value, dict):
            place = names.get(value.get("name"))
            was = former_name(value)
            if place is None and was not in taken:
                place = names.get(was)
        if place not in unmatched:
            place = None
        unmatched.pop(place, None)  # type: ignore[arg-type] # None is not a key
        yield place


def former_name(value: Mapping[str, Any]) -> object:
    """Return the previous name in a resource's `was`, which is a name or a mapping such as `{name: person}`."""
    was = value.get("was")
    return was.get("name") if isinstance(was, dict) else was


def nested_steps(lines: list[str]) -> Iterator[int]:
    """Yield the indentation of each nested mapping relative to its key, in columns."""
    for line, following in pairwise(lines):
        if re.fullmatch(r" *(?:- +)?[\w'\"]+:", line) and re.match(r" +[^\s#-]", following):
            text = re.sub(r"^( *)- ", r"\1  ", line)
            if indentation(following) > indentation(text):
                yield indentation(following) - indentation(text)
