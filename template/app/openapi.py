"""OpenAPI 3.1 schema of the service, with problem details (RFC 9457) for all errors."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.errors import (
    BadRequest,
    ContentTooLarge,
    Error,
    Forbidden,
    HeadersTooLarge,
    Invalid,
    Problem,
    Unauthenticated,
    error_responses,
)

NUMBER_FORMATS = {"integer": "int64", "number": "double"}
JSON_TYPES = "x-json-types"  # of a value without a type in the schema, for `app compare`
ANY_CONTAINER = ({"type": "object", "additionalProperties": True}, {"type": "array", "items": {}})
NAMED = {"properties", "responses"}  # their keys are names
VALUES = {"const", "default", "enum", "example", "examples"}  # they contain values, not schemas


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI schema, which is generated once and then cached."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
            tags=app.openapi_tags,
            servers=[{"url": app.root_path}] if app.root_path else None,
        )
        _add_problems(schema)
        _add_root_path(schema, app.root_path)
        _describe_streams(schema)
        _simplify(schema["paths"])
        _simplify(schema["components"]["schemas"], has_names=True)
        app.openapi_schema = schema
    return app.openapi_schema


def _add_problems(schema: dict[str, Any]) -> None:
    """Replace FastAPI's error responses by problem details in the OpenAPI schema.

    These are the errors of validation, request bodies, authentication, and queries that can exceed
    the limit of headers, since they have lists.
    """
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    validation = _responses(Invalid)
    body = _responses(BadRequest, ContentTooLarge)
    security = _responses(Unauthenticated, Forbidden)
    long_query = _responses(HeadersTooLarge)
    for operation in _operations(schema):
        if "422" in operation["responses"]:
            operation["responses"] |= validation
        if "security" in operation:
            operation["responses"] |= security
        if "requestBody" in operation:
            operation["responses"] |= body
        if any(_is_list(each["schema"]) for each in operation.get("parameters", [])):
            operation["responses"] |= long_query


def _is_list(schema: dict[str, Any]) -> bool:
    return any(part.get("type") == "array" for part in (schema, *schema.get("anyOf", [])))


def _describe_streams(schema: dict[str, Any]) -> None:
    """Describe streams of events as text: `itemSchema` is a keyword of OpenAPI 3.2.

    Generators of clients reject a schema of OpenAPI 3.1 with unknown keywords.
    """
    for operation in _operations(schema):
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                if content.pop("itemSchema", None):
                    content.setdefault("schema", {"type": "string"})


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return chain.from_iterable(path.values() for path in schema["paths"].values())


def _simplify(part: object, *, has_names: bool = False) -> None:
    """Rewrite the parts of a JSON schema that generators of clients misunderstand.

    Numbers get a format, since clients in Java, Go and C# would store them in 32 bits. Unions that
    contain any value, or any object and any array, become schemas without type: Java's and Go's
    types of such unions do not compile, or do not read `{}`.

    Args:
        part: a part of the OpenAPI schema
        has_names: whether the keys of `part` are names, such as those of fields
    """
    if isinstance(part, list):
        for each in part:
            _simplify(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if has_names or key not in VALUES:
                _simplify(value, has_names=key in NAMED and not has_names)
        if isinstance(kind := part.get("type"), str) and kind in NUMBER_FORMATS:
            part.setdefault("format", NUMBER_FORMATS[kind])
        if isinstance(union := part.get("anyOf"), list):
            _simplify_union(part, union)


def _simplify_union(schema: dict[str, Any], union: list[dict[str, Any]]) -> None:
    types = [kind for each in union for kind in each.get(JSON_TYPES, [each.get("type")])]
    is_json = all(each in union for each in ANY_CONTAINER) or any(
        JSON_TYPES in each for each in union
    )
    if {} in union or is_json:
        del schema["anyOf"]
    if is_json and None not in types:  # as of any value, or of a reference
        schema |= {JSON_TYPES: types, "description": f"JSON: {' or '.join(types)}."} | schema


def _add_root_path(schema: dict[str, Any], root_path: str) -> None:
    """Add the root path to the URLs of logins, which `servers` does not apply to."""
    for scheme in schema["components"].get("securitySchemes", {}).values():
        for flow in scheme.get("flows", {}).values():
            if flow.get("tokenUrl", "").startswith("/"):
                flow["tokenUrl"] = f"{root_path}{flow['tokenUrl']}"


def _responses(*kinds: type[Error]) -> dict[str, Any]:
    return {str(status): response for status, response in error_responses(*kinds).items()}


def install(app: FastAPI) -> None:
    """Replace FastAPI's generator of the OpenAPI schema."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
