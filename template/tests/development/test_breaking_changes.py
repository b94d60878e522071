"""What a new description of the API takes from clients of the old one."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from development.compatibility.breaking import breaks

TEXT = {"type": "string"}
JOT = {"type": "object", "properties": {"text": TEXT}, "required": ["text"]}
REF = {"$ref": "#/components/schemas/Jot"}
JSON = {"application/json": {"schema": REF}}
OLD: dict[str, Any] = {
    "paths": {
        "/jots/{id}": {
            "put": {
                "parameters": [
                    {"in": "path", "name": "id", "required": True, "schema": TEXT},
                    {"in": "query", "name": "sort", "schema": TEXT},
                    {"in": "header", "name": "If-Match", "schema": TEXT},
                ],
                "requestBody": {"content": JSON},
                "responses": {
                    "201": {"content": JSON, "headers": {"Location": {}}},
                    "409": {"content": {"application/problem+json": {"schema": TEXT}}},
                },
                "security": [{"token": ["jots"]}, {"key": []}],
            }
        },
    },
    "components": {
        "schemas": {"Jot": JOT},
        "securitySchemes": {"token": {"type": "oauth2"}, "key": {"type": "apiKey"}},
    },
}
PUT = ("paths", "/jots/{id}", "put")
NAME = "PUT /jots/{id}"
MISSING = object()


def changed(*steps: tuple[tuple[Any, ...], Any]) -> dict[str, Any]:
    """Copy the description, with something else in some places, or nothing."""
    new: dict[str, Any] = json.loads(json.dumps(OLD))
    for place, value in steps:
        part: Any = new
        for key in place[:-1]:
            part = part[key]
        if value is MISSING:
            del part[place[-1]]
        else:
            part[place[-1]] = value
    return new


def told(new: dict[str, Any], old: dict[str, Any] = OLD) -> list[str]:
    return [change.line for change in breaks(old, new)]


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (("paths", "/jots/{id}"), MISSING, f"{NAME} is gone"),
        (PUT, MISSING, f"{NAME} is gone"),
        ((*PUT, "parameters", 1), {"in": "path", "name": "id"}, f"{NAME}: query sort is gone"),
        ((*PUT, "parameters", 1, "required"), True, f"{NAME}: query sort is now required"),
        (
            (*PUT, "parameters", 1, "schema"),
            {"type": "integer"},
            f"{NAME}: query sort no longer takes text",
        ),
        ((*PUT, "requestBody"), MISSING, f"{NAME}: the body is gone"),
        ((*PUT, "requestBody", "required"), True, f"{NAME}: the body is now required"),
        (
            (*PUT, "requestBody", "content"),
            {"text/plain": {}},
            f"{NAME}: the body as application/json is gone",
        ),
        ((*PUT, "responses", "201"), MISSING, f"{NAME}: the answer 201 is gone"),
        (
            (*PUT, "responses", "201", "headers"),
            {},
            f"{NAME}: the answer 201, header Location is gone",
        ),
        (
            (*PUT, "responses", "201", "content"),
            {},
            f"{NAME}: the answer 201 as application/json is gone",
        ),
        (
            (*PUT, "responses", "409", "content", "application/problem+json", "schema"),
            {},
            f"{NAME}: the answer 409 may now be anything",
        ),
        ((*PUT, "security"), [{"token": ["jots"]}], f"{NAME} asks callers for more"),
        (
            (*PUT, "security"),
            [{"token": ["jots", "pens"]}, {"key": []}],
            f"{NAME} asks callers for more",
        ),
        (("components", "securitySchemes", "key", "in"), "query", f"{NAME} asks callers for more"),
    ],
)
def test_what_clients_lose_is_told(place: tuple[str, ...], value: object, line: str) -> None:
    assert told(changed((place, value))) == [line]


def test_a_new_parameter_is_told_where_it_is_required() -> None:
    place = (*PUT, "parameters", 1)
    new = {"in": "query", "name": "sort", "required": True, "schema": TEXT}
    old = changed((place, MISSING))
    assert told(changed((place, new)), old) == [f"{NAME}: query sort is now required"]
    assert told(OLD, old) == []


def test_a_change_of_a_schema_is_told_under_its_name_for_requests_and_answers() -> None:
    new = changed((("components", "schemas", "Jot", "properties", "text", "maxLength"), 9))
    assert told(new) == ["Jot.text no longer takes more than 9 characters"]
    assert told(OLD, new) == ["Jot.text may now be more than 9 characters"]
    new = changed((("components", "schemas", "Jot"), JOT | {"properties": {}, "required": []}))
    assert told(new) == ["Jot.text is gone"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("paths", "/other"), {"get": {"responses": {"200": {}}}}),
        ((*PUT, "responses", "409"), MISSING),
        ((*PUT, "responses", "404"), {}),
        ((*PUT, "security"), []),
        ((*PUT, "security"), [{"key": []}, {"token": []}]),
        ((*PUT, "operationId"), "put"),
        ((*PUT, "description"), "Put."),
        ((*PUT, "deprecated"), True),
        ((*PUT, "parameters", 2, "name"), "if-match"),
        (("components", "securitySchemes", "token", "description"), "A token."),
    ],
)
def test_what_clients_do_not_notice_is_not_told(place: tuple[str, ...], value: object) -> None:
    assert told(changed((place, value))) == []


def test_whoever_calls_may_be_asked_where_nobody_was() -> None:
    assert told(OLD, changed(((*PUT, "security"), MISSING))) == [f"{NAME} asks callers for more"]


def test_a_parameter_of_the_path_may_be_called_otherwise() -> None:
    new = changed(((*PUT, "parameters", 0, "name"), "key"))
    new["paths"]["/jots/{key}"] = new["paths"].pop("/jots/{id}")
    assert told(new) == []


def test_the_api_keeps_all_that_it_has(app: FastAPI) -> None:
    assert breaks(app.openapi(), app.openapi()) == []


def test_an_api_without_anything_takes_every_operation(app: FastAPI) -> None:
    count = sum(len(item) for item in app.openapi()["paths"].values())
    assert len(breaks(app.openapi(), {"paths": {}})) == count
