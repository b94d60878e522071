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


def _responses(*kinds: type[Error]) -> dict[str, Any]:
    return {str(status): response for status, response in error_responses(*kinds).items()}


def install(app: FastAPI) -> None:
    """Replace FastAPI's generator of the OpenAPI schema."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
