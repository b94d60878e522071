"""What schemas take from clients: in requests, and the other way round in answers."""

import pytest

from development.compatibility.narrowing import Narrowing, Schema

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
NULL: Schema = {"type": "null"}
OPEN: Schema = {"type": "object", "properties": {"a": TEXT}}
NEEDING = OPEN | {"required": ["a"]}
EMPTY: Schema = {"type": "object", "properties": {}}


def lines(old: Schema, new: Schema, *, answers: bool, **named: tuple[Schema, Schema]) -> list[str]:
    """Say what clients lose from one schema to the next; those with names have one in each."""
    olds = {"components": {"schemas": {name: pair[0] for name, pair in named.items()}}}
    news = {"components": {"schemas": {name: pair[1] for name, pair in named.items()}}}
    changes = Narrowing(olds, news, answers=answers).changes(old, new, "It")
    return [change.line for change in changes]


@pytest.mark.parametrize(
    ("wide", "narrow", "lost"),
    [
        ({}, TEXT, "anything"),
        ({"type": "number"}, NUMBER, "a number"),
        ({"anyOf": [TEXT, NULL]}, TEXT, "null"),
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
        (NUMBER, NUMBER | {"multipleOf": 5}, "what is no multiple of 5"),
        (TEXT, TEXT | {"format": "date"}, "what is no date"),
        (TEXT | {"pattern": "a"}, TEXT | {"pattern": "b"}, "what does not match b"),
        ({"type": "array"}, {"type": "array", "maxItems": 9}, "more than 9 items"),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}, "the same item twice"),
    ],
)
def test_a_narrower_request_and_a_wider_answer_are_told(
    wide: Schema, narrow: Schema, lost: str
) -> None:
    assert lines(wide, narrow, answers=False) == [f"It no longer takes {lost}"]
    assert lines(narrow, wide, answers=True) == [f"It may now be {lost}"]


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
    ],
)
def test_a_wider_request_and_a_narrower_answer_are_not(narrow: Schema, wide: Schema) -> None:
    assert lines(narrow, wide, answers=False) == []
    assert lines(wide, narrow, answers=True) == []


@pytest.mark.parametrize("answers", [False, True])
def test_a_field_that_is_gone_is_told(answers: bool) -> None:  # noqa: FBT001
    assert lines(OPEN, EMPTY, answers=answers) == ["It.a is gone"]
    assert lines(NEEDING, EMPTY, answers=answers) == ["It.a is gone"]


def test_a_new_field_is_told_only_where_it_must_be_sent() -> None:
    assert lines(EMPTY, NEEDING, answers=False) == ["It.a is now required"]
    assert lines(EMPTY, OPEN, answers=False) == []
    assert lines(EMPTY, NEEDING, answers=True) == []


def test_a_field_that_may_be_missing_is_told_where_it_is_awaited() -> None:
    assert lines(OPEN, NEEDING, answers=False) == ["It.a is now required"]
    assert lines(NEEDING, OPEN, answers=False) == []
    assert lines(NEEDING, OPEN, answers=True) == ["It.a may now be missing"]
    assert lines(OPEN, NEEDING, answers=True) == []


def test_fields_without_a_name_are_compared() -> None:
    closed = EMPTY | {"additionalProperties": False}
    texts = {"type": "object", "additionalProperties": TEXT}
    numbers = {"type": "object", "additionalProperties": NUMBER}
    assert lines(EMPTY, closed, answers=False) == [
        "It no longer takes fields that it does not know"
    ]
    assert lines(closed, EMPTY, answers=True) == []
    assert lines(texts, numbers, answers=False) == ["It.* no longer takes text"]
    assert lines({"type": "object"}, texts, answers=False) == ["It.* no longer takes anything"]


def test_items_and_parts_are_compared() -> None:
    old = {"type": "array", "items": OPEN}
    assert lines(old, {"type": "array", "items": EMPTY}, answers=True) == ["It[].a is gone"]
    pair = {"type": "array", "prefixItems": [TEXT, TEXT]}
    other = {"type": "array", "prefixItems": [TEXT, NUMBER]}
    assert lines(pair, other, answers=False) == ["It no longer takes text"]
    assert lines(pair, pair | {"prefixItems": []}, answers=False) == [
        "It has another `prefixItems`"
    ]


def test_what_is_not_understood_is_told_once_it_changes() -> None:
    old, new = OPEN | {"not": TEXT}, OPEN | {"not": NUMBER}
    assert lines(old, new, answers=False) == ["It has another `not`"]
    assert lines(old, old, answers=False) == []


def test_a_schema_with_a_name_is_told_once_even_if_it_holds_itself() -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    branches = {"type": "array", "items": tree}
    old = {"type": "object", "properties": {"a": TEXT, "branches": branches}}
    new = {"type": "object", "properties": {"branches": branches}}
    pair = {"type": "object", "properties": {"left": tree, "right": tree}}
    assert lines(pair, pair, answers=True, Tree=(old, new)).count("Tree.a is gone") == 2
    assert lines(tree, tree, answers=False, Tree=(old, old)) == []


def test_a_schema_may_be_named_or_called_otherwise() -> None:
    one = {"$ref": "#/components/schemas/One", "description": "One."}
    assert lines(OPEN, one, answers=False, One=({}, OPEN)) == []
    assert lines(one, EMPTY, answers=True, One=(OPEN, {})) == ["It.a is gone"]
