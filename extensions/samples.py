"""What a resource's tests are filled with: values that fit each field or do not, and which tests there are."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jinja2.ext import Extension

from .domain import BITS, MANY, Field, Resource, Resources, find
from .literals import literal, quoted
from .names import spaced

if TYPE_CHECKING:
    from collections.abc import Iterator

Terms = dict[str, Any]

WORDS = ("alpha", "bravo")
DIGITS = 6  # of the number that tells rows apart
LONG = 50_000  # characters that no test sends
EQUAL = frozenset({"str", "int", "bigint", "decimal", "bool", "date", "time", "uuid", "email", "url", "enum"})
ORDERED = frozenset({"int", "bigint", "float", "decimal", "date", "datetime", "time"})
SORTED = ORDERED | {"str", "email", "url"}
LITERAL = ("100% wool", "1000 nails")  # a search for 100% finds the first only


# ── Values that fit ───────────────────────────────────────────────────────────────────────────────


def texts(field: Field) -> list[str]:
    if field.pattern:
        return list(field.examples[:2])
    if field.min_length <= len(WORDS[0]) <= field.longest:
        return list(WORDS)
    size = max(1, field.min_length if field.min_length > len(WORDS[0]) else field.longest)
    return [letter * size for letter in "ab"]


def numbers(field: Field) -> list[Any]:
    """Find numbers or days within the field's bounds, small ones if they can be."""
    least, greatest = field.range
    step = field.step or 1.0
    ends = [end for end in (least, greatest) if end is not None]
    near = [end + step * times for end in ends for times in (0, 1, 2, -1, -2) if can_move(end, step * times)]
    if field.type == "float" and ends:
        near += [math.nextafter(end, to) for end in ends for to in (math.inf, -math.inf)]
    first: dict[str, list[Any]] = {
        "float": [1.5, 2.5],
        "decimal": [round(Decimal(number), field.decimal_places) for number in (1, 2)],
        "date": [date(2026, 1, 1), date(2026, 1, 2)],
    }
    wanted = first.get(field.type, [1, 2])
    sound = [each for each in (*wanted, *near) if holds(field, each)]
    return sorted(sorted(dict.fromkeys(sound), key=lambda value: abs(value - wanted[0]))[:2])


def can_move(end: Any, by: Any) -> bool:  # noqa: ANN401 - of the field's type
    try:
        end + by
    except OverflowError:
        return False
    return True


def holds(field: Field, value: Any) -> bool:  # noqa: ANN401 - of the field's type
    least, greatest = field.range
    inside = (least is None or value >= least) and (greatest is None or value <= greatest)
    return inside and (field.gt is None or value > field.gt) and (field.lt is None or value < field.lt)


def samples(field: Field) -> list[Any]:
    """Give two values, the smaller one first; one where there is but one, none where tests need none."""
    moments = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2)]  # noqa: UP017 - as older Pythons have it
    fixed: dict[str, list[Any]] = {
        "bool": [False, True],
        "datetime": moments,
        "time": [time(9), time(10)],
        "uuid": [UUID(int=1), UUID(int=2)],
        "email": [f"{word}@example.com" for word in WORDS],
        "url": [f"https://example.com/{word}" for word in WORDS],
        "json": [{"key": "value"}],
        "ref": [],
    }
    if field.type in fixed:
        return fixed[field.type]
    if field.type in {"str", "text"}:
        return texts(field)
    return numbers(field) if field.type != "enum" else [name for name, _ in field.members][:2]


def written(resource: Resource, field: Field, value: Any) -> str:  # noqa: ANN401 - of the field's type
    """Write a sample in Python."""
    return f"{enum_name(resource, field)}.{value}" if field.type == "enum" else literal(value)


def enum_name(resource: Resource, field: Field) -> str:
    return f"{resource.class_name}{''.join(word.capitalize() for word in field.name.split('_'))}"


# ── Factories ─────────────────────────────────────────────────────────────────────────────────────


def numbered_text(field: Field) -> str:
    """Write a text that differs with the number of the row."""
    if field.pattern:
        return f"{field.name.upper()}S[number % {len(field.examples)}]"
    words = spaced(field.name)
    if field.longest > len(words) + DIGITS and field.min_length <= len(words) + 1:
        return f'f"{words} {{number}}"'
    size = min(field.longest, max(field.min_length, DIGITS))
    wrapped = f" % {10**size}" if size < DIGITS else ""
    return f'f"{{number{wrapped}:0{size}}}"'


def numbered_step(field: Field) -> str:
    """Write a number or a day that differs with the number of the row."""
    _, greatest = field.range
    start = numbers(field)[0]
    room = MANY if greatest is None else int((greatest - start) / field.step) + 1
    if room < MANY and greatest is not None:
        room = field.room
        start = greatest - field.step * (room - 1)
    turn = f"number % {min(MANY, room)}"
    if field.type == "date":
        return f"{literal(start)} + timedelta(days={turn})"
    if field.type == "decimal":
        scaled = f".scaleb({-field.decimal_places})" if field.decimal_places else ""
        return f"{literal(start)} + Decimal({turn}){scaled}"
    return f"{literal(start)} + {turn}"


def numbered(resource: Resource, field: Field) -> str:
    """Write a value that differs with the number of the row."""
    if field.type in {*BITS, "decimal", "date"}:
        return numbered_step(field)
    if field.type == "str":
        return numbered_text(field)
    return {
        "bool": "number % 2 == 0",
        "enum": f"list({enum_name(resource, field)})[number % {len(field.values)}]",
        "datetime": "datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)",
        "time": "time(number // 60 % 24, number % 60)",
        "uuid": "uuid4()",
        "email": 'f"person{number}@example.com"',
        "url": 'f"https://example.com/{number}"',
        "ref": f"(await {field.to}.make(session)).id",
    }[field.type]


def made_of(resources: Resources, resource: Resource) -> Iterator[tuple[Field, str]]:
    """Give each field that a row needs, and the value that it gets."""
    unique = {field.name for fields in resource.uniques for field in fields}
    for field in resource.fields:
        if field.name in unique:
            yield field, own(resource, field)
        elif not field.optional and field.default is None:
            plain = field.type in {"str", "email", "url"} and not field.pattern
            target = field.to and find(resources, field.to).class_name
            some = f"(await some(session, {target}, {field.to}.make)).id"
            value = some if field.to else "" if plain else written(resource, field, samples(field)[0])
            yield field, value or numbered(resource, field)


def own(resource: Resource, field: Field) -> str:
    """Write the value of a field that is unique; a reference to itself has none."""
    return "None" if field.to == resource.name else numbered(resource, field)


def factory(resources: Resources, resource: Resource) -> Terms:
    values = list(made_of(resources, resource))
    targets = sorted({field.to for field, value in values if "await" in value})
    patterns = [field for field, value in values if field.pattern and value.startswith(field.name.upper())]
    return {
        "entries": [f"{quoted(field.column)}: {value}" for field, value in values],
        "targets": [{"name": name, "class": find(resources, name).class_name} for name in targets],
        "waits": bool(targets),
        "counts": ["number = next(_numbers)"] * any("number" in value for _, value in values),
        "patterns": [f"{field.name.upper()}S = ({', '.join(map(quoted, field.examples))})" for field in patterns],
    }


# ── Values that do not fit ────────────────────────────────────────────────────────────────────────

WRONG: dict[str, list[Any]] = {
    "bool": ["perhaps"],
    "date": ["tomorrow"],
    "datetime": ["2026-01-01T00:00:00"],
    "time": ["25:00", "09:30:00Z"],
    "uuid": ["1"],
    "json": [1],
    "email": ["nobody"],
    "url": ["nowhere"],
    "ref": ["1"],
    "int": ["many", 1 << 31],
    "bigint": ["many", 1 << 63],
    "float": ["many", "NaN"],
    "decimal": ["many", "NaN"],
}


def unfit(field: Field) -> Iterator[str]:
    """Write values that a field refuses."""
    yield from (literal(value) for value in WRONG.get(field.type, []))
    if not field.optional:
        yield "None"
    if field.type in {"str", "text"}:
        yield from unfit_texts(field)
    if field.values:
        yield quoted(next(word for word in ("lost", "elsewhere") if word not in field.values))
    if field.type == "decimal":
        yield f'"0.{"0" * field.decimal_places}1"'
        yield f'"1{"0" * (field.max_digits - field.decimal_places)}"'
    yield from unfit_bounds(field)


def unfit_texts(field: Field) -> Iterator[str]:
    if field.longest <= LONG:
        yield f'"x" * {literal(field.longest + 1)}'
    if field.min_length:
        yield '""' if field.min_length == 1 else f'"x" * {literal(field.min_length - 1)}'
    yield '"two\\nlines"' if field.type == "str" else '"\\x00"'
    wrong = next((text for text in ("?", "0", "a", "A-") if field.pattern and text not in matches(field)), None)
    if wrong and field.min_length <= len(wrong) <= field.longest:
        yield quoted(wrong)


def matches(field: Field) -> list[str]:
    """List what is surely a match, or looks like one."""
    import re  # noqa: PLC0415

    return [text for text in ("?", "0", "a", "A-") if re.search(field.pattern or "", text)]


def unfit_bounds(field: Field) -> Iterator[str]:
    step = field.step or 1.0
    for bound, by in ((field.ge, -1), (field.gt, 0), (field.le, 1), (field.lt, 0)):
        if bound is not None and can_move(bound, step * by) and not holds(field, bound + step * by):
            yield sent(bound + step * by)


def sent(value: Any) -> str:  # noqa: ANN401 - of the field's type
    """Write a value as JSON has it, in Python."""
    return (
        quoted(str(value))
        if isinstance(value, date)
        else quoted(f"{value:f}")
        if isinstance(value, Decimal)
        else literal(value)
    )


# ── Tests ─────────────────────────────────────────────────────────────────────────────────────────


def cases(resource: Resource, kinds: frozenset[str], *, plain: bool = False) -> list[str]:
    """Write a case for each field of some kinds of which there are two values: its column, and both."""
    found = []
    for field in resource.fields:
        both = samples(field) if field.type in kinds and field.is_filtered and not (plain and field.pattern) else []
        if len(both) > 1:
            low, high = (written(resource, field, value) for value in both)
            found.append(f"({quoted(field.column)}, {low}, {high})")
    return found


def changed(resource: Resource) -> list[Terms]:
    """Choose a field to change."""
    for field in resource.fields:
        both = samples(field)
        if len(both) > 1:
            low, high = (written(resource, field, value) for value in both)
            return [{"column": field.column, "low": low, "high": high}]
    return []


def searched(resource: Resource) -> list[Terms]:
    """Choose a field to search."""
    longest = max(map(len, LITERAL))
    for field in resource.fields:
        if (
            field.type in {"str", "text"}
            and not field.pattern
            and field.min_length <= len(LITERAL[0])
            and field.longest >= longest
        ):
            return [{"column": field.column}]
    return []


def kept_targets(resources: Resources, resource: Resource, rule: str) -> list[str]:
    """Write a case for each reference whose target can be deleted for good: its column, its factory, its path."""
    found = []
    for field in resource.references:
        target = find(resources, field.to)
        if field.on_delete == rule and "delete" in target.operations and not target.soft_delete:
            module = "factory" if target is resource else target.name
            found.append(f'({quoted(field.column)}, {module}, "{target.plural.replace("_", "-")}")')
    return found


def soft_targets(resources: Resources, resource: Resource) -> list[str]:
    soft = [field for field in resource.references if find(resources, field.to).soft_delete]
    return [f"({quoted(field.column)}, {'factory' if field.to == resource.name else field.to})" for field in soft]


def tests(resources: Resources, resource: Resource, loads: Any) -> Terms:  # noqa: ANN401
    """List the tests of a resource, and what they are filled with."""
    does = set(resource.operations)
    equal = cases(resource, EQUAL)
    ranges = cases(resource, ORDERED)
    sorts = cases(resource, SORTED, plain=True)
    references = [field for field in resource.references if field.is_filtered]
    by_reference = [
        f"({quoted(each.column)}, {'factory' if each.to == resource.name else each.to})" for each in references
    ]
    required = [field.column for field in resource.fields if not field.optional]
    optional = [quoted(field.column) for field in resource.fields if field.optional]
    change, search = changed(resource), searched(resource)
    restricted, cascaded, nulled = (
        kept_targets(resources, resource, rule) for rule in ("restrict", "cascade", "set_null")
    )
    gone = soft_targets(resources, resource)
    uniques = ["[" + ", ".join(quoted(field.column) for field in fields) + "]" for fields in resource.uniques]
    parts = {
        "shown": {"create", "read"} <= does,
        "made": "create" in does and "read" not in does,
        "unique": "create" in does and uniques,
        "moved": "update" in does and uniques,
        "refused": "create" in does,
        "dangling": "create" in does and resource.references,
        "dangling_change": "update" in does and resource.references,
        "gone": "create" in does and gone,
        "changed": "update" in does and change,
        "cleared": "update" in does and optional,
        "insisted": "update" in does and required,
        "deleted": "delete" in does and not resource.soft_delete,
        "marked": "delete" in does and resource.soft_delete,
        "missing": does & {"read", "update", "delete"},
        "filtered": "list" in does and equal,
        "filtered_by_reference": "list" in does and by_reference,
        "ranged": "list" in does and ranges,
        "sorted": "list" in does and sorts,
        "newest": "list" in does,
        "searched": "list" in does and search,
        "paged": "list" in does,
        "unknown": "list" in does,
        "counted": "list" in does and loads,
        "exported": "export" in does,
        "restricted": restricted,
        "cascaded": cascaded,
        "nulled": nulled,
    }
    methods = (("GET", "read"), ("PATCH", "update"), ("DELETE", "delete"))
    targets = {each.split(", ")[1].rstrip(")") for each in (*by_reference, *restricted, *cascaded, *nulled, *gone)}
    return {
        "parts": [name for name, wanted in parts.items() if wanted],
        "unfit": [
            f"({quoted(each.column)}, {value})" for each in resource.fields for value in dict.fromkeys(unfit(each))
        ],
        "equal": equal,
        "ranges": ranges,
        "sorts": sorts,
        "references": [quoted(field.column) for field in resource.references],
        "by_reference": by_reference,
        "uniques": uniques,
        "optional": optional,
        "required": required[:1],
        "change": change[:1],
        "search": search[:1],
        "restricted": restricted,
        "cascaded": cascaded,
        "nulled": nulled,
        "gone": gone,
        "methods": [quoted(method) for method, operation in methods if operation in does],
        "targets": sorted(targets - {"factory"}),
        "lists": ["found"] * ("list" in does),
    }


def example(resource: Resource) -> str:
    """Write a request's body: what one is made of, at least."""
    needed = [field for field in resource.fields if not field.optional and field.default is None]
    values = {field.column: plain_value(field) for field in needed}
    return json.dumps(values, ensure_ascii=False).replace("'", "'\\''")  # as a shell takes it


def plain_value(field: Field) -> Any:  # noqa: ANN401 - as JSON has it
    value = field.values[0] if field.values else samples(field)[0]
    if isinstance(value, bool | int | float | str | dict):
        return value
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class Samples(Extension):
    """Lets Copier load this module, which its neighbours import."""
