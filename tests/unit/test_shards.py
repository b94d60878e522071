from __future__ import annotations

import argparse

import pytest

from tests.harness.checks.shards import Shard, shard

NAMES = [f"service-{number}" for number in range(200)]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_everything_is_in_one_part(parts: int) -> None:
    shards = [shard(f"{part}/{parts}") for part in range(1, parts + 1)]
    assert [sum(each.has(name) for each in shards) for name in NAMES] == [1] * len(NAMES)


def test_parts_are_about_alike() -> None:
    assert all(30 <= sum(Shard(part, 4).has(name) for name in NAMES) <= 70 for part in range(1, 5))


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2"])
def test_what_is_no_part_is_refused_with_the_mend(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 2/4 for the second of four"):
        shard(text)
