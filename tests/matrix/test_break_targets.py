"""Each deliberate fault still fits the service's code; `test_promises.py` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.promises import BOTH, BREAKS
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service
    from tests.harness.promises.definition import Break


def fits(broken: Break, service: Path) -> bool:
    """Return whether a fault matches one place of a service, and its test exists."""
    file, (module, test) = service / broken.path, broken.test.split("::")
    places = file.read_text(encoding="utf-8").count(broken.old) if broken.old else not file.exists()
    return places == 1 and f"def {test}(" in (service / "tests" / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("database", BOTH)
def test_fault_matches_one_place_and_names_existing_test(database: str, serve: Callable[[Answers], Service]) -> None:
    due = [broken for broken in BREAKS if database in broken.databases]
    assert due
    assert not [
        broken.name for broken in due if not fits(broken, serve({"database": database, **broken.answers}).directory)
    ]


def test_fault_names_promise_on_existing_page() -> None:
    promises = {broken.name: broken.promise.partition(": ") for broken in BREAKS}
    assert [name for name, (page, _, words) in promises.items() if not (words and (ROOT / page).is_file())] == []
