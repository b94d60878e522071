"""Every change of a field, as models before and after, with rows that must survive it or make it fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment

from extensions.slipway_template.language.parsing import read_domain
from extensions.slipway_template.plan import domain_plan
from extensions.slipway_template.quoting import quoted
from tests.harness.workspace import TEMPLATE

Rows = list[dict[str, Any]]
Fields = dict[str, Any]

GROUP = 16  # changes per revision
KEY = "0197a3b2-7c1d-7e2f-8a3b-4c5d6e7f8a9b"
OTHER = "0197a3b2-7c1d-7e2f-8a3b-4c5d6e7f8a9c"
KEYS = {"targets": [KEY, OTHER], "users": [KEY], "seconds": [OTHER]}  # of rows that may be referenced
TARGET = {"name": "target", "fields": {"name": "str"}}
SECOND = {"name": "second", "fields": {"name": "str"}}
# Dates and UUIDs are written as text, which is converted to the column's type.
TEXTS = [
    *("7", "-1", "0", "1", "2.50", "true", "false", "a", "b", "", "Käse 'n' \"Ü\" :x %s", "x" * 150),
    *("2026-01-31", "0197-08-24", "2026-02-30", "2026-01-31T00:00:00.000000Z", "2026-01-31T10:11:12.000001Z"),
    *("10:11:12", "25:00:00", KEY, '{"a": [1, "ü"]}', "[]", "5", "99999999999999999999", "1e5", "a@example.com"),
]
VALUES: dict[str, list[Any]] = {
    "str": TEXTS,
    "text": [*TEXTS, "x" * 9_000],
    "email": ["a@example.com"],
    "url": ["https://example.com/"],
    "enum": ["a", "b"],
    "int": [0, 1, 7, -(2**31), 2**31 - 1],
    "bigint": [0, 1, 7, 2**53 + 1, -(2**63)],
    "float": [0.0, 1.0, 7.0, 1.5, 0.1, 1e300],
    "decimal": ["0.00", "1.00", "7.00", "19.90", "-99999999.99"],
    "bool": [True, False],
    "date": ["2026-01-31", "0197-08-24"],
    "datetime": ["2026-01-31T00:00:00Z", "2026-01-31T10:11:12.000001Z"],
    "time": ["10:11:12", "00:00:00"],
    "uuid": [KEY],
    "json": [{"a": [1, "ü", None]}, []],
    "ref": [KEY],
}
TYPES = list(VALUES)
DETAILS: dict[str, Any] = {"enum": {"values": ["a", "b"]}, "ref": {"to": "target"}}


@dataclass(frozen=True)
class Change:
    """A change of one resource, with rows that it preserves, and rows on which the migration must fail."""

    name: str
    before: Fields
    after: Fields
    rows: Rows
    unfit: Rows = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)  # of the resource
    options_after: dict[str, Any] | None = None
    says: str = ""  # in the error of a failed migration
    fix: str = ""  # SQL that makes the unfit rows fit, above the check


def typed(kind: str, *, optional: bool) -> dict[str, Any]:
    return {"type": kind, "optional": optional, **DETAILS.get(kind, {})}


def pairs() -> list[Change]:
    """Return a change for each pair of types; the program of the service decides which values fit."""
    changes = []
    for number, before in enumerate(TYPES):
        for place, after in enumerate(TYPES):
            if before == after:
                continue
            optional = bool((number + place) % 2)
            names = {kind: "value" if kind == "ref" or "ref" not in {before, after} else "value_id" for kind in TYPES}
            column = "value_id" if "ref" in {before, after} else "value"
            rows = [{column: value} for value in VALUES[before]] + [{column: None}] * optional
            changes.append(
                Change(
                    f"{before}_to_{after}",
                    {names[before]: typed(before, optional=optional)},
                    {names[after]: typed(after, optional=optional)},
                    rows,
                )
            )
    return changes


def change(name: str, before: Any, after: Any, fit: list[Any], unfit: tuple[list[Any], str] = ([], "")) -> Change:  # noqa: ANN401
    """Return a change of the field `value`, with values that fit it, and others with the words of their error."""
    rows, others = ([{"value": value} for value in values] for values in (fit, unfit[0]))
    return Change(name, {"value": before}, {"value": after}, rows, others, says=unfit[1])


def chain_of(*arguments: tuple[Any, ...]) -> list[Change]:
    return [change(*each) for each in arguments]


TEXT, NUMBER = {"type": "str", "max_length": 40}, {"type": "int"}
PRICE, DAY = {"type": "decimal"}, {"type": "date"}
KINDS = {"type": "enum", "values": ["a", "b"]}
REFERENCE = {"type": "ref", "to": "target"}
HELD = {"value_id": KEY}
ODD = 'it\'s "100 %s" :x Ü\\'
OPTIONS = [  # a change of each option
    *chain_of(
        ("str_optional", TEXT, {**TEXT, "optional": True}, ["x", ""]),
        ("int_required", {**NUMBER, "optional": True}, NUMBER, [1], ([None], "violates `value IS NOT NULL`")),
        ("int_required_default", {**NUMBER, "optional": True}, {**NUMBER, "default": 7}, [1]),
        ("str_default_added", TEXT, {**TEXT, "default": ODD}, ["x"]),
        ("str_default_changed", {**TEXT, "default": "a"}, {**TEXT, "default": ODD}, ["x"]),
        ("str_default_removed", {**TEXT, "default": ODD}, TEXT, ["x"]),
        ("bool_default", {"type": "bool", "default": True}, {"type": "bool", "default": False}, [True, False]),
        ("json_default", {"type": "json", "default": {}}, {"type": "json", "default": []}, [{"a": 1}]),
        ("date_default", {**DAY, "default": "2026-01-31"}, {**DAY, "default": "2026-02-01"}, ["2020-01-01"]),
        ("float_default", {"type": "float", "default": 0.5}, {"type": "float"}, [1.5]),
        (
            "unique_added",
            TEXT,
            {**TEXT, "unique": True},
            ["x", "y"],
            (["z", "z"], "1 value of value occurs in several"),
        ),
        ("unique_removed", {**TEXT, "unique": True}, TEXT, ["x", "y"]),
        ("unique_null", {**TEXT, "optional": True}, {**TEXT, "optional": True, "unique": True}, ["x", None, None]),
        ("index_removed", TEXT, {**TEXT, "index": False}, ["x"]),
        ("index_added", {**TEXT, "index": False}, TEXT, ["x"]),
        ("max_length_up", TEXT, {**TEXT, "max_length": 60}, ["x" * 40]),
        (
            "max_length_down",
            TEXT,
            {**TEXT, "max_length": 20},
            ["x" * 20],
            (["ü" * 21], "violates `length(value) <= 20`"),
        ),
        (
            "text_length_down",
            {"type": "text"},
            {"type": "text", "max_length": 9},
            ["x"],
            (["x" * 10], "length(value) <= 9"),
        ),
        ("min_length_added", TEXT, {**TEXT, "min_length": 2}, ["xx"], (["x"], "length(value) >= 2")),
        ("min_length_removed", {**TEXT, "min_length": 2}, TEXT, ["xx"]),
        ("pattern_added", TEXT, {**TEXT, "pattern": "^[a-z]+$"}, ["x", "9"]),
        ("digits_up", PRICE, {**PRICE, "max_digits": 12}, ["99999999.99"]),
        ("digits_down", PRICE, {**PRICE, "max_digits": 8}, ["999999.99"], (["1000000.00"], "does not convert to")),
        ("places_up", PRICE, {**PRICE, "max_digits": 13, "decimal_places": 5}, ["99999999.99"]),
        (
            "places_down",
            PRICE,
            {**PRICE, "decimal_places": 1},
            ["1.50"],
            (["1.25"], "does not convert to NUMERIC(10, 1)"),
        ),
        ("int_bound_added", NUMBER, {**NUMBER, "ge": 0}, [0], ([-1], "violates `value >= 0`")),
        ("int_bound_changed", {**NUMBER, "ge": 0}, {**NUMBER, "ge": 5}, [5], ([4], "violates `value >= 5`")),
        ("int_bound_removed", {**NUMBER, "ge": 0, "lt": 9}, NUMBER, [5]),
        (
            "decimal_bound_added",
            PRICE,
            {**PRICE, "gt": 0, "le": 10},
            ["10.00"],
            (["10.01"], "violates `value <= 10`"),
        ),
        ("float_bound", {"type": "float"}, {"type": "float", "lt": 0.1}, [0.0], ([0.1], "violates `value <")),
        (
            "date_bound",
            DAY,
            {**DAY, "ge": "2026-01-01"},
            ["2026-01-01"],
            (["2025-12-31"], "violates `value >= '2026-01-01'`"),
        ),
        ("enum_added", KINDS, {**KINDS, "values": ["a", "b", "Ü ' :x"]}, ["a", "b"]),
        ("enum_longer", KINDS, {**KINDS, "values": ["a", "b", "x" * 30]}, ["a"]),
        ("enum_removed", KINDS, {**KINDS, "values": ["a"]}, ["a"], (["b"], "violates `value IN ('a')`")),
        ("enum_renamed", KINDS, {**KINDS, "values": ["a", "c"]}, ["a"], (["b"], "violates `value IN ('a', 'c')`")),
        (
            "enum_renamed_sign",
            {**KINDS, "values": ["A+", "in progress", "b"]},
            {**KINDS, "values": ["A-", "in-progress", "b"]},
            ["b"],
            (["A+"], "violates `value IN ('A-', 'in-progress', 'b')`"),
        ),
        (
            "enum_renamed_case",
            {**KINDS, "values": ["Draft", "b"]},
            {**KINDS, "values": ["draft", "b"]},
            ["b"],
            (["Draft"], "violates `value IN ('draft', 'b')`"),
        ),
        ("enum_reordered", KINDS, {**KINDS, "values": ["b", "a"]}, ["a", "b"]),
        ("enum_default", {**KINDS, "default": "a"}, {**KINDS, "default": "b"}, ["a"]),
        ("bound_of_new_type", TEXT, {**NUMBER, "ge": 5}, ["5"], (["4"], "violates `value >= 5`")),
        (
            "default_of_new_type",
            {**TEXT, "default": "abc"},
            {**NUMBER, "default": 3},
            ["5"],
            (["abc"], "does not convert"),
        ),
        ("bound_of_old_type", {**NUMBER, "ge": 5}, TEXT, [5]),
        ("required_new_type", {**TEXT, "optional": True}, NUMBER, ["5"], ([None], "violates `value IS NOT NULL`")),
        ("filled_new_type", {**TEXT, "optional": True}, {**NUMBER, "default": 3}, ["5"]),
        (
            "unique_of_new_type",
            {**TEXT, "unique": True},
            {**NUMBER, "unique": True},
            ["5"],
            (["07"], "does not convert to INTEGER"),
        ),
        ("length_of_new_type", NUMBER, {**TEXT, "max_length": 2}, [12], ([123], "does not convert to VARCHAR(2)")),
    ),
    Change("on_delete_changed", {"value": REFERENCE}, {"value": {**REFERENCE, "on_delete": "cascade"}}, [HELD]),
    Change(
        "target_changed",
        {"value": REFERENCE},
        {"value": {**REFERENCE, "to": "second"}},
        [{"value_id": OTHER}],
        [HELD],
        says="1 row references missing seconds by value_id",
        fix="UPDATE target_changeds SET value_id = (SELECT id FROM seconds)",
    ),
    Change(
        "enum_renamed_default",
        {"value": {**KINDS, "default": "a"}},
        {"value": {**KINDS, "values": ["aa", "b"], "default": "aa"}},
        [{"value": "b"}],
        [{"value": "a"}],
        says="violates `value IN ('aa', 'b')`",
        fix="UPDATE enum_renamed_defaults SET value = 'aa' WHERE value = 'a'",
    ),
    Change(
        "bounds_disjoint",
        {"value": {**NUMBER, "le": 5}},
        {"value": {**NUMBER, "gt": 5}},
        [],
        [{"value": 5}],
        says="violates `value > 5`",
        fix="UPDATE bounds_disjoints SET value = value + 5",
    ),
    Change("ref_optional", {"value": REFERENCE}, {"value": {**REFERENCE, "optional": True}}, [HELD]),
    Change("renamed", {"old": TEXT}, {"new": {**TEXT, "was": "old"}}, [{"old": "x"}]),
    Change(
        "renamed_unique",
        {"old": {**TEXT, "unique": True}},
        {"new": {**TEXT, "unique": True, "was": "old"}},
        [{"old": "x"}],
    ),
    Change(
        "renamed_checked",
        {"old": {**TEXT, "min_length": 1}},
        {"new": {**TEXT, "min_length": 1, "was": "old"}},
        [{"old": "x"}],
    ),
    Change(
        "renamed_and_converted",
        {"old": TEXT},
        {"new": {**NUMBER, "was": "old"}},
        [{"old": "5"}],
        [{"old": "abc"}],
        says="value of new does not convert to INTEGER",
    ),
    Change("renamed_ref", {"old": REFERENCE}, {"new": {**REFERENCE, "was": "old"}}, [{"old_id": KEY}]),
    Change("renamed_enum", {"old": KINDS}, {"new": {**KINDS, "was": "old"}}, [{"old": "a"}]),
    Change(
        "field_added_optional",
        {"value": TEXT},
        {"value": TEXT, "more": {**NUMBER, "optional": True}},
        [{"value": "x"}],
    ),
    Change("field_added_default", {"value": TEXT}, {"value": TEXT, "more": {**NUMBER, "default": 3}}, [{"value": "x"}]),
    Change(
        "field_added_required",
        {"value": TEXT},
        {"value": TEXT, "more": NUMBER},
        [],
        [{"value": "x"}],
        says="1 row would lack more, which is required without a default. Give it a default, or make it optional",
    ),
    Change(
        "field_removed_optional",
        {"value": TEXT, "more": {**TEXT, "optional": True}},
        {"value": TEXT},
        [{"value": "x"}],
    ),
    Change(
        "field_removed_default",
        {"value": TEXT, "more": {**NUMBER, "default": 3}},
        {"value": TEXT},
        [{"value": "x"}],
    ),
    Change(
        "group_added",
        {"one": TEXT, "two": NUMBER},
        {"one": TEXT, "two": NUMBER},
        [{"one": "x", "two": 1}, {"one": "x", "two": 2}],
        [{"one": "y", "two": 1}, {"one": "y", "two": 1}],
        options_after={"unique": [["one", "two"]]},
        says="1 value of one, two occurs in several rows",
    ),
    Change(
        "group_removed",
        {"one": TEXT, "two": NUMBER},
        {"one": TEXT, "two": NUMBER},
        [{"one": "x", "two": 1}],
        options={"unique": [["one", "two"]]},
        options_after={},
    ),
    Change(
        "soft_delete_added", {"value": TEXT}, {"value": TEXT}, [{"value": "x"}], options_after={"soft_delete": True}
    ),
    Change(
        "soft_delete_removed",
        {"value": TEXT},
        {"value": TEXT},
        [{"value": "x"}],
        options={"soft_delete": True},
        options_after={},
    ),
    Change(
        "owner_added",
        {"value": TEXT},
        {"value": TEXT},
        [],
        [{"value": "x"}],
        options_after={"owner": True},
        says="1 row would lack owner_id",
    ),
    Change(
        "owner_removed",
        {"value": TEXT},
        {"value": TEXT},
        [],  # downgrade cannot fill the owner
        options={"owner": True},
        options_after={},
    ),
    Change(
        "resource_renamed",
        {"value": {**TEXT, "unique": True}, "kind": KINDS, "to": REFERENCE},
        {"value": {**TEXT, "unique": True}, "kind": KINDS, "to": REFERENCE},
        [{"value": "x", "kind": "a", "to_id": KEY}],
        options_after={"name": "renamed_thing", "plural": "renamed_things", "was": "resource_renamed"},
    ),
]


def groups(changes: list[Change]) -> list[list[Change]]:
    """Split changes into the groups that one revision makes."""
    return [changes[start : start + GROUP] for start in range(0, len(changes), GROUP)]


def declared(each: Change, fields: Fields, options: dict[str, Any]) -> dict[str, Any]:
    return {"name": each.name, "plural": f"{each.name}s", "fields": fields} | options


def source(resources: list[dict[str, Any]]) -> str:
    """Render the enumerations and models of resources as one module, which declares its own `Base`."""
    environment = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 - Python, not HTML
    environment.filters |= {"module": lambda text: text, "python": quoted}
    [model] = (TEMPLATE / "app" / "models").glob("{% yield*.jinja")
    [enums] = (TEMPLATE / "app" / "enums").glob("{% yield*.jinja")
    parsed = read_domain([TARGET, SECOND, *resources])
    facts = domain_plan(parsed, [])["resources"]
    parts = []
    for template in (enums, model):
        compiled = environment.from_string(template.read_text(encoding="utf-8"))
        parts += [compiled.render(resource=each) for each in facts if template is model or each["enums"]]
    lines = "\n".join(parts).splitlines()
    return "\n".join(line for line in lines if not line.startswith("from app.enums"))


def program_input(changes: list[Change]) -> dict[str, Any]:
    """Return a group of changes as the program in the service reads them."""
    return {
        "keys": KEYS,
        "before": source([declared(each, each.before, each.options) for each in changes]),
        "after": source(
            [
                declared(each, each.after, each.options if each.options_after is None else each.options_after)
                for each in changes
            ]
        ),
        "changes": [
            {
                "name": each.name,
                "before": f"{each.name}s",
                "after": (each.options_after or {}).get("plural", f"{each.name}s"),
                "rows": each.rows,
                "unfit": each.unfit,
                "says": each.says,
                "fix": each.fix,
            }
            for each in changes
        ],
    }
