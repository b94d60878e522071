"""OpenAPI 3.1 schema of the service, with problem details (RFC 9457) for all errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.errors import (
    BadRequest,
    ContentTooLarge,
    Error,
    Forbidden,
    Invalid,
    Problem,
    Unauthenticated,
    error_responses,
)

NUMBER_FORMATS = {"integer": "int64", "number": "double"}
NAMED = {"properties", "responses", "schemas"}  # their keys are names
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
        )
        _add_problems(schema)
        _add_number_formats(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _add_problems(schema: dict[str, Any]) -> None:
    """Replace FastAPI's error responses by problem details in the OpenAPI schema.

    These are the errors of validation, request bodies and authentication.
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
    for path in schema["paths"].values():
        for operation in path.values():
            if "422" in operation["responses"]:
                operation["responses"] |= validation
            if "security" in operation:
                operation["responses"] |= security
            if "requestBody" in operation:
                operation["responses"] |= body


def _add_number_formats(part: object, *, has_names: bool = False) -> None:
    """Add a format to all numbers that have none.

    Without it, clients that are generated for Java, Go or C# store numbers in 32 bits.

    Args:
        part: a part of the OpenAPI schema
        has_names: whether the keys of `part` are names, such as those of fields
    """
    if isinstance(part, list):
        for each in part:
            _add_number_formats(each)
    elif isinstance(part, dict):
        kind = part.get("type")
        if isinstance(kind, str) and kind in NUMBER_FORMATS:
            part.setdefault("format", NUMBER_FORMATS[kind])
        for key, value in part.items():
            if has_names or key not in VALUES:
                _add_number_formats(value, has_names=key in NAMED and not has_names)


def _responses(*kinds: type[Error]) -> dict[str, Any]:
    return {str(status): response for status, response in error_responses(*kinds).items()}


def install(app: FastAPI) -> None:
    """Replace FastAPI's generator of the OpenAPI schema."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
