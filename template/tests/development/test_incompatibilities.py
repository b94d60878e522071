"""Tests of breaking changes between two OpenAPI documents."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from development.compatibility.incompatibilities import breaks

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
    """Return a copy of the OpenAPI document with replaced or deleted parts."""
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


def lines(new: dict[str, Any], old: dict[str, Any] = OLD) -> list[str]:
    return [change.line for change in breaks(old, new)]


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (("paths", "/jots/{id}"), MISSING, f"{NAME} was removed"),
        (PUT, MISSING, f"{NAME} was removed"),
        ((*PUT, "parameters", 1), {"in": "path", "name": "id"}, f"{NAME}: query sort was removed"),
        ((*PUT, "parameters", 1, "required"), True, f"{NAME}: query sort is now required"),
        (
            (*PUT, "parameters", 1, "schema"),
            {"type": "integer"},
            f"{NAME}: query sort no longer accepts text",
        ),
        ((*PUT, "requestBody"), MISSING, f"{NAME}: the body was removed"),
        ((*PUT, "requestBody", "required"), True, f"{NAME}: the body is now required"),
        (
            (*PUT, "requestBody", "content"),
            {"text/plain": {}},
            f"{NAME}: the body as application/json was removed",
        ),
        ((*PUT, "responses", "201"), MISSING, f"{NAME}: the response 201 was removed"),
        (
            (*PUT, "responses", "201", "headers"),
            {},
            f"{NAME}: the response 201, header Location was removed",
        ),
        (
            (*PUT, "responses", "201", "content"),
            {},
            f"{NAME}: the response 201 as application/json was removed",
        ),
        (
            (*PUT, "responses", "409", "content", "application/problem+json", "schema"),
            {},
            f"{NAME}: the response 409 may now be anything",
        ),
        ((*PUT, "security"), [{"token": ["jots"]}], f"{NAME} requires further authorization"),
        (
            (*PUT, "security"),
            [{"token": ["jots", "pens"]}, {"key": []}],
            f"{NAME} requires further authorization",
        ),
        (
            ("components", "securitySchemes", "key", "in"),
            "query",
            f"{NAME} requires further authorization",
        ),
    ],
)
def test_breaking_operation_change_is_reported(
    place: tuple[str, ...], value: object, line: str
) -> None:
    assert lines(changed((place, value))) == [line]


def test_new_parameter_is_reported_only_if_required() -> None:
    place = (*PUT, "parameters", 1)
    new = {"in": "query", "name": "sort", "required": True, "schema": TEXT}
    old = changed((place, MISSING))
    assert lines(changed((place, new)), old) == [f"{NAME}: query sort is now required"]
    assert lines(OLD, old) == []


def test_breaking_schema_change_is_reported_with_schema_name() -> None:
    new = changed((("components", "schemas", "Jot", "properties", "text", "maxLength"), 9))
    assert lines(new) == ["Jot.text no longer accepts more than 9 characters"]
    assert lines(OLD, new) == ["Jot.text may now be more than 9 characters"]
    new = changed((("components", "schemas", "Jot"), JOT | {"properties": {}, "required": []}))
    assert lines(new) == ["Jot.text was removed"]


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
def test_compatible_change_is_not_reported(place: tuple[str, ...], value: object) -> None:
    assert lines(changed((place, value))) == []


def test_added_security_requirement_is_reported() -> None:
    assert lines(OLD, changed(((*PUT, "security"), MISSING))) == [
        f"{NAME} requires further authorization"
    ]


def test_renamed_path_parameter_is_not_reported() -> None:
    new = changed(((*PUT, "parameters", 0, "name"), "key"))
    new["paths"]["/jots/{key}"] = new["paths"].pop("/jots/{id}")
    assert lines(new) == []


def test_unchanged_api_has_no_incompatibilities(app: FastAPI) -> None:
    assert breaks(app.openapi(), app.openapi()) == []


def test_removed_operations_are_all_reported(app: FastAPI) -> None:
    count = sum(len(item) for item in app.openapi()["paths"].values())
    assert len(breaks(app.openapi(), {"paths": {}})) == count
