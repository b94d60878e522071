"""Tests of the OpenAPI schema, and of all operations by random requests (fuzzing)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from pydantic import Field

from app import health
from app.openapi import describe
from app.schemas.base import BigInteger, Json, Line, ReadSchema, Schema, Text
from tests.support import sample_resource
from tests.support.fuzzing import fuzz_api


class Measured(Schema):
    """Schema with numbers, and with fields that have names of keywords."""

    type: int
    default: float | None = None
    short: Annotated[int, Field(json_schema_extra={"format": "int32"})] = 0
    data: Annotated[Json, Field(default_factory=dict, examples=[{"type": "integer"}])]


class Noted(Schema):
    """Request with JSON values."""

    data: Json
    more: Json | None
    any: Any | None
    mixed: Json | Measured


class NotedRead(ReadSchema):
    """Response with JSON values."""

    data: dict[str, Any] | list[Any]
    more: dict[str, Any] | list[Any] | None
    any: Any | None
    mixed: dict[str, Any] | list[Any] | Measured


def operations(app: FastAPI) -> dict[str, dict[str, Any]]:
    """Return the operations of the OpenAPI schema by operation id."""
    return {
        operation["operationId"]: operation
        for path in app.openapi()["paths"].values()
        for operation in path.values()
    }


def references(part: object) -> set[str]:
    """Return the targets of all `$ref` in a part of the OpenAPI schema."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_operations_have_tags_and_descriptions(jot_app: FastAPI) -> None:
    for name, operation in operations(jot_app).items():
        assert operation["tags"], name
        assert operation["description"], name


def test_operation_ids_are_function_names(jot_app: FastAPI) -> None:
    functions = {sample_resource.list_jots, sample_resource.create_jot, health.ready}
    assert {function.__name__ for function in functions} <= set(operations(jot_app))


def test_documented_error_responses_are_problem_documents(jot_app: FastAPI) -> None:
    for name, operation in operations(jot_app).items():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], name


def test_query_with_list_documents_431() -> None:
    app = FastAPI()

    @app.get("/several")
    async def find(one: str, several: Annotated[list[str], Query()]) -> None: ...

    @app.get("/optional")
    async def find_optional(several: Annotated[list[int] | None, Query()] = None) -> None: ...

    @app.get("/one")
    async def find_one(one: str = "") -> None: ...

    assert {
        path
        for path, methods in describe(app)["paths"].items()
        if "431" in methods["get"]["responses"]
    } == {"/several", "/optional"}


def test_openapi_references_point_to_existing_schemas(jot_app: FastAPI) -> None:
    schema = jot_app.openapi()
    for reference in references(schema):
        target = schema
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def parts(part: object) -> Iterator[dict[str, Any]]:
    """Yield each object in a part of the OpenAPI schema."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    for each in part if isinstance(part, list) else []:
        yield from parts(each)


def test_no_schema_has_several_types(jot_app: FastAPI) -> None:
    types = [part["type"] for part in parts(jot_app.openapi()) if "type" in part]
    assert [kind for kind in types if isinstance(kind, list)] == []


def test_json_fields_have_no_type() -> None:
    app = FastAPI()

    @app.post("/noted")
    async def noted(body: Noted) -> NotedRead:
        return NotedRead(**body.model_dump())

    schemas = describe(app)["components"]["schemas"]
    for name in ("Noted", "NotedRead"):
        fields = schemas[name]["properties"]
        assert fields["data"]["x-json-types"] == ["object", "array"]
        assert fields["more"]["x-json-types"] == ["object", "array", "null"]
        assert fields["mixed"] == {"title": "Mixed"}
        assert not any({"type", "anyOf"} & field.keys() for field in fields.values())


def test_numbers_have_64_bits() -> None:
    app = FastAPI()

    @app.post("/measured")
    async def measured(size: int, body: Measured) -> float:
        return size / body.type

    schema = describe(app)
    operation = schema["paths"]["/measured"]["post"]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    fields = schema["components"]["schemas"]["Measured"]["properties"]
    assert operation["parameters"][0]["schema"]["format"] == "int64"
    assert answer["format"] == "double"
    assert fields["type"]["format"] == "int64"
    assert fields["default"]["anyOf"][0]["format"] == "double"
    assert fields["short"]["format"] == "int32"
    assert fields["data"]["examples"] == [{"type": "integer"}]


FORMATS = {
    "date": "2026-12-01",
    "date-time": "2026-12-01T09:30:00Z",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
}


def prefilled(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return the value that Swagger UI makes of a schema: no text of a pattern, no length."""
    for key in ("default", "examples", "enum"):
        if key in schema:
            return schema[key] if key == "default" else schema[key][0]
    if "$ref" in schema:
        return prefilled(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return prefilled(schema["anyOf"][0], schemas)
    if "properties" in schema:
        return {name: prefilled(each, schemas) for name, each in schema["properties"].items()}
    if schema.get("type") == "array":
        return [prefilled(schema["items"], schemas)]
    values = {"boolean": True, "number": schema.get("minimum", 0.1), "string": "?"}
    return FORMATS.get(schema.get("format", ""), values.get(schema.get("type", "")))


class Described(Schema):
    """Request with fields whose examples cannot come from the schema alone."""

    title: Annotated[Line, Field(min_length=9, max_length=9)]
    note: Annotated[Text, Field(min_length=20)] | None = None
    count: BigInteger
    dozens: Annotated[int, Field(ge=20, multiple_of=12)] | None = None
    tags: list[Annotated[Line, Field(max_length=3)]]
    data: Json
    more: Json | None = None


def test_prefilled_request_bodies_are_valid(jot_app: FastAPI) -> None:
    app = FastAPI()

    @app.post("/described")
    async def described(body: Described) -> None: ...

    schemas = {
        name: schema
        for each in (describe(app), jot_app.openapi())
        for name, schema in each["components"]["schemas"].items()
    }
    models = {model.__name__: model for model in subclasses(Schema)}
    checked = schemas.keys() & models.keys()
    assert "Described" in checked
    for name in checked:
        models[name].model_validate_json(json.dumps(prefilled(schemas[name], schemas)))


def test_query_parameters_have_no_examples(app: FastAPI) -> None:
    for name, operation in operations(app).items():
        for parameter in operation.get("parameters", []):
            assert "examples" not in parameter["schema"], name


def subclasses(model: type[Schema]) -> Iterator[type[Schema]]:
    """Yield all subclasses of a schema."""
    for each in model.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.drill
async def test_random_requests_cause_no_500(
    app: FastAPI, database_url: str, tmp_path: Path
) -> None:
    await fuzz_api(database_url, tmp_path, len(operations(app)))
