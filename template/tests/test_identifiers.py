"""Keys grow with time."""

import time

from app.identifiers import uuid7


def test_a_key_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    before, key, after = time.time_ns(), uuid7(), time.time_ns()
    assert (key.version, key.variant) == (7, "specified in RFC 4122")
    assert before // 1_000_000 <= key.int >> 80 <= after // 1_000_000


def test_later_keys_are_greater() -> None:
    keys = []
    for _ in range(100):
        keys.append(uuid7())
        time.sleep(0.000_01)
    assert keys == sorted(set(keys))
