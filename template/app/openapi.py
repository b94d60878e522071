"""The API's description (OpenAPI 3.1), in which every error is a problem document."""

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
    """Describe the API, once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        _tell_problems(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _tell_problems(schema: dict[str, Any]) -> None:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    invalid = _described(Invalid)
    unreadable = _described(BadRequest, ContentTooLarge)
    guarded = _described(Unauthenticated, Forbidden)
    for path in schema["paths"].values():
        for operation in path.values():
            if "422" in operation["responses"]:
                operation["responses"] |= invalid
            if "security" in operation:
                operation["responses"] |= guarded
            if "requestBody" in operation:
                operation["responses"] |= unreadable


def _described(*kinds: type[Error]) -> dict[str, Any]:
    return {str(status): response for status, response in error_responses(*kinds).items()}


def install(app: FastAPI) -> None:
    """Have the application describe itself this way."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
