"""Shapes of the API: services whose OpenAPI schemas together contain everything that an answer adds to one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.harness.combinations.domains import EXAMPLES, SAMPLE
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.combinations.rendering import render

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.domains import Domain
    from tests.harness.combinations.questions import Answers

# Every type of field, required, optional and with a default.
FIELDS: dict[str, Any] = {
    "code": {"type": "str", "max_length": 20, "unique": True},
    "label": {"type": "str", "pattern": "^[a-z]+$", "optional": True},
    "note": "text?",
    "amount": {"type": "int", "ge": 0, "default": 1},
    "big": {"type": "bigint", "default": 9007199254740993},
    "other_big": "bigint?",
    "ratio": "float",
    "price": {"type": "decimal", "max_digits": 10, "decimal_places": 2, "ge": 0},
    "fine": {"type": "decimal", "max_digits": 15, "decimal_places": 8, "default": 0},
    "enabled": {"type": "bool", "default": True},
    "day": "date?",
    "moment": "datetime?",
    "opens_at": "time?",
    "token": "uuid?",
    "contact": "email?",
    "site": "url?",
    "data": {"type": "json", "default": {}},
    "more": "json?",
    "entries": {"type": "json", "default": []},
    "status": {"type": "enum", "values": ["draft", "live"], "default": "draft"},
    "kind": {"type": "enum", "values": ["1st", "größe", "two words"], "optional": True},
    "type": {"type": "ref", "to": "gauge_type", "optional": True},
    "parent": {"type": "ref", "to": "gauge", "optional": True, "on_delete": "set_null"},
}
GAUGES: Domain = [
    {"name": "gauge_type", "soft_delete": True, "fields": {"title": {"type": "str", "unique": True}}},
    {"name": "gauge", "fields": FIELDS},
]
READING = {"name": "reading", "owner": True, "fields": {"gauge": {"type": "ref", "to": "gauge"}, "value": "float"}}
OWNED: Domain = [*GAUGES, READING]
FEATURES = choices(all_questions().questions["features"])
WIDE = "wide"  # every type of field; its service runs
FULL = "local"  # and every route of accounts, jobs and features
SHAPES: dict[str, Answers] = {
    "default": {"resources": SAMPLE},
    WIDE: {"resources": GAUGES, "database": "sqlite", "project_name": "Gauge API"},
    FULL: {"resources": OWNED, "auth": "local", "tasks": "taskiq", "features": FEATURES},
    "oidc": {"resources": OWNED, "auth": "oidc", "database": "sqlite", "tasks": "taskiq", "features": FEATURES},
    "booking": {"resources": EXAMPLES["booking"]["resources"], "auth": "local", "tasks": "celery"},
    "empty": {"resources": []},
}


@dataclass(frozen=True)
class Shape:
    """A service, and the file of its OpenAPI schema."""

    service: Path
    path: Path
    schema: dict[str, Any]

    @property
    def operations(self) -> int:
        return sum(len(path) for path in self.schema["paths"].values())


def render_shapes(template: Path, directory: Path) -> dict[str, Shape]:
    """Render the service of each shape, and write its OpenAPI schema."""
    for name, answers in SHAPES.items():
        render(template, directory / name, all_questions().default | answers)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(SHAPES, pool.map(_describe, [directory / name for name in SHAPES]), strict=True))


def _describe(service: Path) -> Shape:
    command = [sys.executable, "-m", "app", "openapi"]
    run = subprocess.run(command, cwd=service, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    path = service.with_suffix(".json")
    path.write_text(run.stdout, encoding="utf-8")
    return Shape(service, path, json.loads(run.stdout))
