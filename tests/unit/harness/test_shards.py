"""Shards split the tests of a run among several machines."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.checks.shards import Shard, due, is_due, shard

NAMES = [f"service-{number}" for number in range(200)]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_each_test_is_in_exactly_one_shard(parts: int) -> None:
    shards = [shard(f"{part}/{parts}") for part in range(1, parts + 1)]
    assert [sum(each.has(name) for each in shards) for name in NAMES] == [1] * len(NAMES)


def run(matrix: str, week: int) -> Any:  # noqa: ANN401
    """Return the configuration of a test run in a week."""
    return SimpleNamespace(option=SimpleNamespace(matrix=matrix, order=week))


WEEKS = [run("pairs", week) for week in (202649, 202650, 202651)]


def test_weekly_test_runs_in_one_of_three_weeks() -> None:
    assert [sum(is_due(week, name) for week in WEEKS) for name in NAMES] == [1] * len(NAMES)


def test_each_item_has_its_week() -> None:
    assert sorted(item for week in WEEKS for item in due(week, ["a", "b", "c"])) == ["a", "b", "c"]


@pytest.mark.parametrize("matrix", ["each", "triples", "all"])
def test_matrix_other_than_that_of_ci_runs_all_weekly_tests(matrix: str) -> None:
    assert all(is_due(run(matrix, 202649), name) for name in NAMES)
    assert due(run(matrix, 202649), NAMES) == NAMES


def test_shards_have_similar_size() -> None:
    assert all(30 <= sum(Shard(part, 4).has(name) for name in NAMES) <= 70 for part in range(1, 5))


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2"])
def test_invalid_shard_is_rejected_with_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 2/4 for the second of four"):
        shard(text)
