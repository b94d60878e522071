"""Tests of the check whether a file contains a change."""

from __future__ import annotations

import pytest

from slipway.merge.edits import lacks

BASE = b"import os\n\n\n@fixture\ndef one():\n    return 1\n\n\n@fixture\ndef two():\n    return 2\n"
BLOCK = b"@fixture\ndef mine():\n    return 3\n\n\n"
OTHER = BASE.replace(b"@fixture\ndef two", BLOCK + b"@fixture\ndef two")


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (OTHER, False),
        (BASE, True),
        (b"import sys\n\n\n" + BLOCK + b"@fixture\ndef four():\n    return 4\n", False),
    ],
    ids=["same", "missing", "elsewhere"],
)
def test_lacks_reports_missing_change(current: bytes, expected: object) -> None:
    assert lacks(current, BASE, OTHER, None) is expected


@pytest.mark.parametrize(("block", "expected"), [(BLOCK, False), (b"", True)], ids=["elsewhere", "missing"])
def test_lacks_searches_inserted_block_of_unresolved_conflict_elsewhere(block: bytes, expected: object) -> None:
    theirs = BASE.replace(b"return 2", b"return 4").replace(b"def two", b"def four")
    base = BASE.replace(b"@fixture\ndef two", b"def two")
    other = base.replace(b"def two", BLOCK + b"def two")
    before = theirs.replace(b"@fixture\ndef four", b"def four")
    assert lacks(block + before, base, other, before) is expected
