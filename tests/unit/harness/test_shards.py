"""Shards split the tests of a run among several machines."""

from __future__ import annotations

import argparse

import pytest

from tests.harness.checks.shards import Shard, shard, weekly_shard

NAMES = [f"service-{number}" for number in range(200)]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_each_test_is_in_exactly_one_shard(parts: int) -> None:
    shards = [shard(f"{part}/{parts}") for part in range(1, parts + 1)]
    assert [sum(each.has(name) for each in shards) for name in NAMES] == [1] * len(NAMES)


def test_each_test_runs_in_one_of_weeks() -> None:
    shards = [weekly_shard(week, 3) for week in (202649, 202650, 202651)]
    assert [sum(each.has(name) for each in shards) for name in NAMES] == [1] * len(NAMES)


def test_shards_have_similar_size() -> None:
    assert all(30 <= sum(Shard(part, 4).has(name) for name in NAMES) <= 70 for part in range(1, 5))


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2"])
def test_invalid_shard_is_rejected_with_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 2/4 for the second of four"):
        shard(text)
