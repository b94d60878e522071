"""The owner's command orders releases, and takes no commit for one."""

from __future__ import annotations

import pytest

from template.template.releases import after


@pytest.mark.parametrize(
    ("tags", "recorded", "last", "expected"),
    [
        ([], "0123456", "097367216431", ["097367216431"]),
        ([], "097367216431", "097367216431", []),
        (["v1.0.0", "v1.1.0"], "0123456", "v1.1.0", ["v1.1.0"]),
        (["20261101", "20261128"], "20261101", "20261128", ["20261128"]),
        (["v1.0.0", "v1.1.0"], "v1.0.0-3-g0123456", "v1.1.0", ["v1.1.0"]),
    ],
    ids=["digits", "same commit", "commit before releases", "calendar", "described"],
)
def test_commit_of_digits_is_no_release(tags: list[str], recorded: str, last: str, expected: list[str]) -> None:
    assert after(tags, recorded, last) == expected
