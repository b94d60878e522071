"""Tests of `app.models.base.uuid7`."""

import time

from app.models.base import uuid7


def test_uuid7_has_version_and_time() -> None:
    before, key, after = time.time_ns(), uuid7(), time.time_ns()
    assert (key.version, key.variant) == (7, "specified in RFC 4122")
    assert before // 1_000_000 <= key.int >> 80 <= after // 1_000_000


def test_uuid7_sorts_by_creation() -> None:
    keys = []
    for _ in range(100):
        keys.append(uuid7())
        time.sleep(0.000_01)
    assert keys == sorted(set(keys))
