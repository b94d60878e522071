"""Dividing lines in shared lists avoid merge conflicts between user and template.

Four common edits beside a line that the template changes: each conflicts in an ordinary template, and none in this
one. Both are updated by Copier alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, update
from tests.harness.updates.outcomes import outcome
from tests.harness.updates.owner_edits import END, Place, below, insert
from tests.harness.updates.releases import NEXT
from tests.harness.workspace import commit

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.thorough

PROJECT, ROUTERS, VARIABLES = "pyproject.toml", "app/main.py", ".env.example"
BELOW_DIVIDER = below("those below are the service's own")
GROWN = {"auth": "local", "tasks": "taskiq", "features": ["ratelimit", "cache", "observability"]}

# Lists of an ordinary template, in two versions.
ORDINARY = {
    PROJECT: (
        'dependencies = [\n    "fastapi",\n    "pydantic",\n]\n',
        'dependencies = [\n    "fastapi",\n    "pydantic>=2",\n    "uvicorn",\n]\n',
    ),
    ROUTERS: (
        "app = FastAPI()\napp.include_router(user)\n",
        "app = FastAPI()\napp.include_router(user)\napp.include_router(role)\n",
    ),
    VARIABLES: ("DATABASE_URL=\n", "DATABASE_URL=\nCACHE_URL=\n"),
}


@dataclass(frozen=True)
class Habit:
    """A line that users add, and its place in an ordinary template's service and in this template's."""

    path: str
    line: str
    ordinary: Place
    ours: Place
    our_path: str = ""


HABITS = {
    "a dependency is appended": Habit(PROJECT, '    "stripe",\n', below("pydantic"), BELOW_DIVIDER),
    "a dependency is inserted": Habit(PROJECT, '    "httpx",\n', below("fastapi"), BELOW_DIVIDER),
    "a router is added": Habit(ROUTERS, "app.include_router(cart)\n", END, END, "app/routers/cart.py"),
    "a variable is appended": Habit(VARIABLES, "STRIPE_KEY=\n", END, END),
}


@pytest.fixture(scope="module")
def ordinary(workspace: Path) -> Path:
    """Create a template without dividing lines, in two versions."""
    directory = workspace / "ordinary"
    (directory / "app").mkdir(parents=True)
    (directory / "{{_copier_conf.answers_file}}.jinja").write_text("{{ _copier_answers|to_nice_yaml }}", "utf-8")
    for place, version in enumerate(("v1.0.0", "v2.0.0")):
        for path, texts in ORDINARY.items():
            (directory / path).write_text(texts[place], encoding="utf-8")
        commit(directory, version)
    return directory


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
def test_line_added_to_list_without_divider_conflicts(habit: Habit, ordinary: Path, empty: Path) -> None:
    render(ordinary, empty, {}, "v1.0.0")
    (insertion,) = insert(empty, habit.path, habit.line, habit.ordinary)
    commit(empty, "edited")
    update(empty, {}, "v2.0.0")
    assert insertion.status(outcome(empty)) == "conflict"


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
def test_line_added_below_divider_survives_update(habit: Habit, history: Path, empty: Path) -> None:
    render(history, empty, all_questions().default, NEXT)
    path = habit.our_path or habit.path
    (empty / path).touch()
    before = (empty / path).read_text(encoding="utf-8")
    (insertion,) = insert(empty, path, habit.line, habit.ours)
    commit(empty, "edited")
    update(empty, GROWN, NEXT)
    assert insertion.status(outcome(empty)) == "preserved"
    assert habit.our_path or (empty / path).read_text(encoding="utf-8").replace(habit.line, "") != before
