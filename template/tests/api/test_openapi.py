"""The API's description: complete, and true."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app import health
from tests.support import sample_resource
from tests.support.fuzzing import fuzz_api


def operations(app: FastAPI) -> dict[str, dict[str, Any]]:
    """Give every operation of the API by its id."""
    return {
        operation["operationId"]: operation
        for path in app.openapi()["paths"].values()
        for operation in path.values()
    }


def references(part: object) -> set[str]:
    """Find every reference in a part of the description."""
    if isinstance(part, dict):
        here = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return here.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_operation_is_described(jot_app: FastAPI) -> None:
    for name, operation in operations(jot_app).items():
        assert operation["tags"], name
        assert operation["description"], name


def test_operations_are_named_as_their_functions(jot_app: FastAPI) -> None:
    functions = {sample_resource.find, sample_resource.add, health.ready}
    assert {function.__name__ for function in functions} <= set(operations(jot_app))


def test_every_error_is_described_as_a_problem(jot_app: FastAPI) -> None:
    for name, operation in operations(jot_app).items():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], name


def test_every_reference_leads_somewhere(jot_app: FastAPI) -> None:
    description = jot_app.openapi()
    for reference in references(description):
        found = description
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.drill
async def test_no_request_breaks_the_service(
    app: FastAPI, database_url: str, tmp_path: Path
) -> None:
    await fuzz_api(database_url, tmp_path, len(operations(app)))
