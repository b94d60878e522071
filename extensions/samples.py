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
from .patterns import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

Terms = dict[str, Any]

WORDS = ("alpha", "bravo")
DIGITS = 6  # of the number that tells rows apart
LONG = 50_000  # characters that no test sends


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
    if all(holds(field, each) for each in wanted):
        return wanted
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
    return f"{resource.type_name(field)}.{value}" if field.type == "enum" else literal(value)


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
        "enum": f"list({resource.type_name(field)})[number % {len(field.values)}]",
        "datetime": "datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)",
        "time": "time(number // 60 % 24, number % 60)",
        "uuid": "uuid4()",
        "email": 'f"person{number}@example.com"',
        "url": 'f"https://example.com/{number}"',
        "ref": f"(await {field.to}.make(session)).id",
    }[field.type]


def made_of(resources: Resources, resource: Resource) -> Iterator[tuple[Field, str]]:
    """Give each field that a row needs, and the value that it gets."""
    for field in resource.fields:
        if is_unique(resource, field):
            yield field, "None" if leads_back(resources, resource, field) else numbered(resource, field)
        elif not field.optional and field.default is None:
            plain = field.type in {"str", "email", "url"} and not field.pattern
            target = field.to and find(resources, field.to).class_name
            some = f"(await some(session, {target}, {field.to}.make)).id"
            value = some if field.to else "" if plain else written(resource, field, samples(field)[0])
            yield field, value or numbered(resource, field)


def is_unique(resource: Resource, field: Field) -> bool:
    """Say whether no two rows have the same value, alone or together with others."""
    return any(field in fields for fields in resource.uniques)


def leads_back(resources: Resources, resource: Resource, field: Field) -> bool:
    """Say whether a reference is left empty, for what it refers to would need a row of this resource in turn."""
    return bool(field.to) and field.optional and resource.name in needed_by(resources, field.to, frozenset())


def needed_by(resources: Resources, name: str, seen: frozenset[str]) -> frozenset[str]:
    """Name a resource, and all of which a row of it needs one."""
    target = find(resources, name)
    given = [field.to for field in target.references if not field.optional or is_unique(target, field)]
    for to in given:
        if to not in seen | {name}:
            seen = needed_by(resources, to, seen | {name})
    return seen | {name}


def made(resource: Resource, values: str) -> str:
    """Write what a row is made of; its owner is no part of what a client would send."""
    owner = '{"owner_id": user.id} | ' * resource.owner
    row = f"{owner}{values} | changes"
    return f"({row})" if owner or "await" in values else row


def factory(resources: Resources, resource: Resource) -> Terms:
    values = list(made_of(resources, resource))
    targets = sorted({field.to for field, value in values if "await" in value})
    patterns = [field for field, value in values if field.pattern and value.startswith(field.name.upper())]
    return {
        "entries": [f"{quoted(field.column)}: {value}" for field, value in values],
        "targets": [{"name": name, "class": find(resources, name).class_name} for name in targets],
        "waits": bool(targets),
        "counts": ["number = next(_numbers)"] * any("number" in value for _, value in values),
        "owner": ["user = await some(session, User, make_user)"] * resource.owner,
        "made": made(resource, "await values(session)" if targets else "values()"),
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
    wrong = next((text for text in ("?", "0", "a", "A-") if field.pattern and not matches(field.pattern, text)), None)
    if wrong and field.min_length <= len(wrong) <= field.longest:
        yield quoted(wrong)


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


# ── A request ─────────────────────────────────────────────────────────────────────────────────────


def needed(field: Field) -> bool:
    """Say whether a client must send the field."""
    return not field.optional and field.default is None


def example(resource: Resource) -> str:
    """Write a request's body: what one is made of, at least."""
    values = {field.column: plain_value(field) for field in resource.fields if needed(field)}
    return json.dumps(values, ensure_ascii=False).replace("'", "'\\''")  # as a shell takes it


def plain_value(field: Field) -> Any:  # noqa: ANN401 - as JSON has it
    value = field.values[0] if field.values else samples(field)[0]
    if isinstance(value, bool | int | float | str | dict):
        return value
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class Samples(Extension):
    """Lets Copier load this module, which its neighbours import."""
