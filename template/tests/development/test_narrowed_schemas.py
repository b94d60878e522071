"""Tests of incompatible schemas, which are narrower in requests or wider in responses."""

import pytest

from development.compatibility.narrowed_schemas import Narrowing, Schema

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
NULL: Schema = {"type": "null"}
OPEN: Schema = {"type": "object", "properties": {"a": TEXT}}
REQUIRING = OPEN | {"required": ["a"]}
OBJECT: Schema = {"type": "object", "additionalProperties": True}
ARRAY: Schema = {"type": "array", "items": {}}
EMPTY: Schema = {"type": "object", "properties": {}}


def lines(
    old: Schema, new: Schema, *, responses: bool, **named: tuple[Schema, Schema]
) -> list[str]:
    """Return the breaking changes between two schemas.

    `named` maps the name of each component to its old and its new schema.
    """
    olds = {"components": {"schemas": {name: pair[0] for name, pair in named.items()}}}
    news = {"components": {"schemas": {name: pair[1] for name, pair in named.items()}}}
    changes = Narrowing(olds, news, responses=responses).changes(old, new, "It")
    return [change.line for change in changes]


@pytest.mark.parametrize(
    ("wide", "narrow", "rejected"),
    [
        ({}, TEXT, "anything"),
        ({"type": "number"}, NUMBER, "a number"),
        ({"anyOf": [TEXT, NULL]}, TEXT, "null"),
        ({"x-json-types": ["object", "array"]}, OBJECT, "a list"),
        ({"type": ["string", "null"]}, TEXT, "null"),
        ({"oneOf": [TEXT, NUMBER]}, {"anyOf": [NUMBER, NULL]}, "text"),
        (TEXT | {"enum": ["a", "b"]}, TEXT | {"enum": ["b", "c"]}, '"a"'),
        (TEXT | {"enum": ["a", "b"]}, TEXT | {"const": "b"}, '"a"'),
        (TEXT, TEXT | {"enum": ["a", "b"]}, 'anything but "a", "b"'),
        (TEXT, TEXT | {"maxLength": 3}, "more than 3 characters"),
        (TEXT | {"maxLength": 4}, TEXT | {"maxLength": 3}, "more than 3 characters"),
        (TEXT | {"minLength": 1}, TEXT | {"minLength": 2}, "fewer than 2 characters"),
        (NUMBER, NUMBER | {"maximum": 3}, "more than 3"),
        (NUMBER | {"minimum": 0}, NUMBER | {"exclusiveMinimum": 0}, "0 or less"),
        (NUMBER, NUMBER | {"multipleOf": 5}, "numbers that are not multiples of 5"),
        (TEXT, TEXT | {"format": "date"}, "text that is not a date"),
        (TEXT | {"pattern": "a"}, TEXT | {"pattern": "b"}, "text that does not match b"),
        ({"type": "array"}, {"type": "array", "maxItems": 9}, "more than 9 items"),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}, "duplicate items"),
    ],
)
def test_narrower_request_and_wider_response_schema_are_reported(
    wide: Schema, narrow: Schema, rejected: str
) -> None:
    assert lines(wide, narrow, responses=False) == [f"It no longer accepts {rejected}"]
    assert lines(narrow, wide, responses=True) == [f"It may now be {rejected}"]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (TEXT, TEXT),
        (TEXT, {}),
        (NUMBER, {"type": "number"}),
        (TEXT, {"anyOf": [TEXT | {"maxLength": 9}, NULL, TEXT]}),
        (TEXT | {"enum": ["a"]}, TEXT | {"enum": ["a", "b"]}),
        (TEXT | {"const": "a"}, TEXT | {"enum": ["a", "b"]}),
        (TEXT | {"enum": ["a"]}, TEXT | {"maxLength": 9}),
        (TEXT | {"maxLength": 3}, TEXT | {"maxLength": 4}),
        (NUMBER | {"minimum": 2}, NUMBER | {"minimum": 1}),
        (TEXT | {"title": "A", "default": "a"}, TEXT | {"title": "B", "examples": ["b"]}),
        ({"type": "array", "uniqueItems": True}, {"type": "array", "uniqueItems": False}),
        (NUMBER, NUMBER | {"format": "int64"}),
        (NUMBER | {"format": "int64"}, NUMBER | {"format": "int32"}),
        (TEXT | {"format": "decimal"}, TEXT),
        (TEXT, TEXT | {"format": "decimal"}),
        ({"anyOf": [OBJECT, ARRAY]}, {"x-json-types": ["object", "array"]}),
        ({"x-json-types": ["object", "array"]}, {"anyOf": [OBJECT, ARRAY, NULL]}),
    ],
)
def test_wider_request_and_narrower_response_schema_are_compatible(
    narrow: Schema, wide: Schema
) -> None:
    assert lines(narrow, wide, responses=False) == []
    assert lines(wide, narrow, responses=True) == []


@pytest.mark.parametrize("responses", [False, True])
def test_removed_field_of_schema_is_reported(responses: bool) -> None:  # noqa: FBT001
    assert lines(OPEN, EMPTY, responses=responses) == ["It.a was removed"]
    assert lines(REQUIRING, EMPTY, responses=responses) == ["It.a was removed"]


def test_new_field_is_reported_only_if_required() -> None:
    assert lines(EMPTY, REQUIRING, responses=False) == ["It.a is now required"]
    assert lines(EMPTY, OPEN, responses=False) == []
    assert lines(EMPTY, REQUIRING, responses=True) == []


def test_field_that_becomes_optional_is_reported_only_in_responses() -> None:
    assert lines(OPEN, REQUIRING, responses=False) == ["It.a is now required"]
    assert lines(REQUIRING, OPEN, responses=False) == []
    assert lines(REQUIRING, OPEN, responses=True) == ["It.a may now be missing"]
    assert lines(OPEN, REQUIRING, responses=True) == []


def test_narrower_additional_properties_are_reported() -> None:
    closed = EMPTY | {"additionalProperties": False}
    texts = {"type": "object", "additionalProperties": TEXT}
    numbers = {"type": "object", "additionalProperties": NUMBER}
    assert lines(EMPTY, closed, responses=False) == ["It no longer accepts unknown fields"]
    assert lines(closed, EMPTY, responses=True) == []
    assert lines(texts, numbers, responses=False) == ["It.* no longer accepts text"]
    assert lines({"type": "object"}, texts, responses=False) == ["It.* no longer accepts anything"]


def test_narrower_array_items_are_reported() -> None:
    old = {"type": "array", "items": OPEN}
    assert lines(old, {"type": "array", "items": EMPTY}, responses=True) == ["It[].a was removed"]
    pair = {"type": "array", "prefixItems": [TEXT, TEXT]}
    other = {"type": "array", "prefixItems": [TEXT, NUMBER]}
    assert lines(pair, other, responses=False) == ["It no longer accepts text"]
    assert lines(pair, pair | {"prefixItems": []}, responses=False) == [
        "It has a different `prefixItems`"
    ]


def test_change_of_unknown_schema_keyword_is_reported() -> None:
    old, new = OPEN | {"not": TEXT}, OPEN | {"not": NUMBER}
    assert lines(old, new, responses=False) == ["It has a different `not`"]
    assert lines(old, old, responses=False) == []


def test_comparison_of_recursive_schemas_ends() -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    branches = {"type": "array", "items": tree}
    old = {"type": "object", "properties": {"a": TEXT, "branches": branches}}
    new = {"type": "object", "properties": {"branches": branches}}
    pair = {"type": "object", "properties": {"left": tree, "right": tree}}
    assert lines(pair, pair, responses=True, Tree=(old, new)).count("Tree.a was removed") == 2
    assert lines(tree, tree, responses=False, Tree=(old, old)) == []


def test_inline_schema_equals_named_schema_with_same_content() -> None:
    one = {"$ref": "#/components/schemas/One", "description": "One."}
    assert lines(OPEN, one, responses=False, One=({}, OPEN)) == []
    assert lines(one, EMPTY, responses=True, One=(OPEN, {})) == ["It.a was removed"]
