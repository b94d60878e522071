"""Arguments of `slipway add` are parsed into declarations of resources and fields."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from extensions.slipway_template.language.parsing import EVERYWHERE, TYPES, domain_problem
from slipway.errors import CommandError
from slipway.service.declaration import ALIASES, Language, parse_field, parse_fields, with_fields, with_resource
from tests.harness.workspace import ROOT

LANGUAGE = Language.parse((ROOT / "resources.schema.json").read_text(encoding="utf-8"))
PRODUCT = {"name": "product", "fields": {"sku": "str"}}
FIELDS: dict[str, tuple[str, Any]] = {
    "total:decimal": ("total", "decimal"),
    "note:text?": ("note", "text?"),
    "note:text:optional": ("note", "text?"),
    "placed_on:date!": ("placed_on", "date"),
    "placed_on:date:required": ("placed_on", "date"),
    "customer:ref": ("customer", {"type": "ref", "to": "customer"}),
    "customer:ref?": ("customer", {"type": "ref", "to": "customer", "optional": True}),
    "ref:customer": ("customer", {"type": "ref", "to": "customer"}),
    "ref:customer?": ("customer", {"type": "ref", "to": "customer", "optional": True}),
    "ref:str": ("ref", "str"),
    "buyer:ref:customer": ("buyer", {"type": "ref", "to": "customer"}),
    "buyer:ref:customer?": ("buyer", {"type": "ref", "to": "customer", "optional": True}),
    "buyer:ref(customer,on_delete=cascade)": ("buyer", {"type": "ref", "to": "customer", "on_delete": "cascade"}),
    "buyer:ref:to=customer:unique": ("buyer", {"type": "ref", "to": "customer", "unique": True}),
    "status:enum[draft,paid]": ("status", {"type": "enum", "values": ["draft", "paid"]}),
    "status:enum[draft, paid]?": ("status", {"type": "enum", "values": ["draft", "paid"], "optional": True}),
    "status:enum:draft,paid:default=draft": (
        "status",
        {"type": "enum", "values": ["draft", "paid"], "default": "draft"},
    ),
    "status:enum[1,2](default=1,noindex)": (
        "status",
        {"type": "enum", "values": ["1", "2"], "default": "1", "index": False},
    ),
    "code:str(min_length=1,max_length=32,unique)": (
        "code",
        {"type": "str", "min_length": 1, "max_length": 32, "unique": True},
    ),
    "code:str:min_length=1:unique": ("code", {"type": "str", "min_length": 1, "unique": True}),
    "code:str:unique?": ("code", {"type": "str", "unique": True, "optional": True}),
    "code:str:uniq": ("code", {"type": "str", "unique": True}),
    "code:str:pattern=^[A-Z]{2,3}$": ("code", {"type": "str", "pattern": "^[A-Z]{2,3}$"}),
    "code:str(pattern='^a[,:]+$',unique)": ("code", {"type": "str", "pattern": "^a[,:]+$", "unique": True}),
    "code:str:default=1": ("code", {"type": "str", "default": "1"}),
    "price:decimal:ge=0:max_digits=8": ("price", {"type": "decimal", "ge": 0, "max_digits": 8}),
    "price:decimal:gt=0.05": ("price", {"type": "decimal", "gt": 0.05}),
    "until:date:lt=2030-01-01": ("until", {"type": "date", "lt": dt.date(2030, 1, 1)}),
    "live:bool:default=false:index=false": ("live", {"type": "bool", "default": False, "index": False}),
    "data:json:default={}": ("data", {"type": "json", "default": {}}),
}
ERRORS = {
    "title": "title: a field is NAME:TYPE, such as title:str, note:text? or status:enum:draft,paid.",
    "title:": "a field is NAME:TYPE",
    ":str": "a field is NAME:TYPE",
    "title:string": "there is no type 'string'. Did you mean str?",
    "title:txt": "there is no type 'txt'. Did you mean text?",
    "title:blurb9": "There are: str, text, int",
    "title:str:uniques": "str has no option 'uniques'. Did you mean unique?",
    "title:str:max_length": "max_length needs a value: max_length=…",
    "title:str:max_length=many": "max_length=many is not a whole number.",
    "title:str:unique=maybe": "unique is true or false, not maybe.",
    "title:str:max_length=": "max_length= has no value.",
    "title:str:unique:unique": "unique is repeated.",
    "title:text:unique": "text has no option 'unique'.",
    "status:enum": "an enum needs values: status:enum:draft,paid",
    "status:enum:draft:paid": "Separate the values by commas",
    "status:enum[draft": "a bracket or a quote is not closed.",
    "status:enum:draft,,paid": "a value of the enum is empty.",
    "title:str(unique)x": "'x' after the type str cannot be read",
    "title:str?!": "write one of !",
    "title:str!:optional": "both optional and required",
    "title:str?:required": "both optional and required",
}


@pytest.mark.parametrize(("word", "expected"), FIELDS.items(), ids=FIELDS)
def test_field_argument_is_parsed_into_declaration(word: str, expected: tuple[str, Any]) -> None:
    assert parse_field(word, LANGUAGE) == expected


@pytest.mark.parametrize("word", FIELDS)
def test_field_parsed_from_argument_is_valid_in_domain(word: str) -> None:
    name, declaration = parse_field(word, LANGUAGE)
    customer = {"name": "customer", "fields": {"title": "str"}}
    assert domain_problem([PRODUCT, customer, {"name": "order", "fields": {name: declaration}}]) == ""


@pytest.mark.parametrize(("word", "message"), ERRORS.items(), ids=ERRORS)
def test_invalid_field_argument_is_reported_with_fix(word: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_field(word, LANGUAGE)
    assert str(caught.value).startswith(word)
    assert message in str(caught.value)


def test_schema_and_parser_have_equal_types_and_options() -> None:
    assert {kind: {*keys} for kind, keys in LANGUAGE.types.items()} == {
        kind: {*keys, *EVERYWHERE} for kind, keys in TYPES.items()
    }
    assert set(ALIASES.values()) <= set(TYPES)
    assert not set(ALIASES) & set(TYPES)


def test_missing_resource_schema_raises() -> None:
    with pytest.raises(CommandError, match=r"no resources\.schema\.json"):
        Language.parse("")


def test_field_declared_twice_raises() -> None:
    with pytest.raises(CommandError, match="the field a is declared twice"):
        parse_fields(["a:str", "a:int"], LANGUAGE)


def test_new_resource_is_appended_to_domain() -> None:
    order = {"name": "order", "fields": {"product": "ref"}}
    assert with_resource([PRODUCT], order) == [PRODUCT, order]


def test_new_fields_are_appended_to_resource() -> None:
    [product] = with_fields([PRODUCT], "product", {"colour": "str?"})
    assert list(product["fields"].items()) == [("sku", "str"), ("colour", "str?")]
    assert PRODUCT["fields"] == {"sku": "str"}


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        (PRODUCT, "product: the resource exists already. Add fields by: add field product"),
        ({"name": "order", "fields": {}}, "order: a resource needs a field"),
        (
            {"name": "order", "fields": {"products": {"type": "ref", "to": "products"}}},
            "products: there is no resource products. Did you mean product? products:ref:product",
        ),
    ],
)
def test_adding_existing_or_invalid_resource_raises(declaration: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        with_resource([PRODUCT], declaration)
    assert message in str(caught.value)


def test_adding_field_to_missing_resource_raises() -> None:
    with pytest.raises(CommandError, match=r"products: unknown resource\. Did you mean product\?"):
        with_fields([PRODUCT], "products", {"a": "str"})


def test_adding_existing_field_raises() -> None:
    with pytest.raises(CommandError, match="product has a field sku already"):
        with_fields([PRODUCT], "product", {"sku": "str"})
