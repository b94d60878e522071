"""Each deliberate fault still fits the service's code; `test_promises.py` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.promises import BOTH, BREAKS
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service


@pytest.mark.parametrize("database", BOTH)
def test_fault_matches_one_place_and_names_existing_test(database: str, serve: Callable[[Answers], Service]) -> None:
    for broken in BREAKS:
        if database in broken.databases:
            service = serve({"database": database, **broken.answers}).directory
            file = service / broken.path
            places = file.read_text(encoding="utf-8").count(broken.old) if broken.old else not file.exists()
            assert places == 1, broken.name
            module, test = broken.test.split("::")
            assert f"def {test}(" in (service / "tests" / module).read_text(encoding="utf-8"), broken.name


def test_fault_names_promise_on_existing_page() -> None:
    promises = {broken.name: broken.promise.partition(": ") for broken in BREAKS}
    assert [name for name, (page, _, words) in promises.items() if not (words and (ROOT / page).is_file())] == []
