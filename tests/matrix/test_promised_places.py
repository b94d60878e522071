"""The breaks keep up with the service: quick to see here, before they are run by `test_promises.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import File
from tests.harness.mutants.unchanged import Since
from tests.harness.promises import BOTH, BREAKS, Break

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

BROKEN = Break("It breaks nothing.", "app/own.py", "whole", "broken", "test_own.py::test_it")
THEN = {"app/own.py": File(b"whole", executable=False), "tests/test_own.py": File(b"a test", executable=False)}


@pytest.mark.parametrize("database", BOTH)
def test_each_break_finds_its_place_and_its_test(database: str, serve: Callable[[Answers], Service]) -> None:
    for broken in BREAKS:
        if database in broken.databases:
            service = serve({"database": database, **broken.answers}).directory
            file = service / broken.path
            places = file.read_text(encoding="utf-8").count(broken.old) if broken.old else not file.exists()
            assert places == 1, broken.name
            module, test = broken.test.split("::")
            assert f"def {test}(" in (service / "tests" / module).read_text(encoding="utf-8"), broken.name


@pytest.fixture
def since(workspace: Path, tmp_path: Path) -> Since:
    """A release in which one break was seen."""
    _ = workspace
    found = Since(tmp_path)
    found.texts = frozenset({BROKEN.name, BROKEN.old, BROKEN.new, BROKEN.test})
    found.rendered = {all_questions().label(all_questions().default): THEN}
    return found


def test_a_break_of_what_is_as_it_was_is_seen(since: Since) -> None:
    assert since.is_killed(BROKEN, {}, THEN)


@pytest.mark.parametrize("path", THEN)
def test_a_break_of_what_has_changed_is_not(path: str, since: Since) -> None:
    assert not since.is_killed(BROKEN, {}, THEN | {path: File(b"another", executable=False)})


def test_a_break_of_another_kind_is_not(since: Since) -> None:
    assert not since.is_killed(replace(BROKEN, name="It is new."), {}, THEN)


def test_what_a_release_said_of_breaks_is_known(workspace: Path, tmp_path: Path) -> None:
    _ = workspace
    assert "a request is logged twice" in Since(tmp_path).texts
