"""Holds the harness's own way of calling Copier equal to the command line, byte for byte."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.harness.combinations import COMBINATIONS
from tests.harness.command_line import copier, copying, data
from tests.harness.rendering import File, tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.harness.services import Service

SAMPLE = 4


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sampled" in metafunc.fixturenames:
        draw = random.Random(metafunc.config.option.seed)  # noqa: S311 - a sample, not a secret
        metafunc.parametrize("sampled", draw.sample(sorted(COMBINATIONS), SAMPLE))


def test_gives_what_the_command_line_gives(
    sampled: str, serve: Callable[[str], Service], template: Path, empty: Path
) -> None:
    run = copier(*copying(template, empty, *data(COMBINATIONS[sampled])))
    assert run.returncode == 0, run.stderr
    assert tree(empty) == serve(sampled).files


def test_a_tree_tells_content_and_mode(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "run").write_bytes(b"#!/bin/sh\r\n")
    (tmp_path / "app" / "run").chmod(0o755)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"")
    assert tree(tmp_path) == {"app/run": File(b"#!/bin/sh\r\n", executable=True)}
