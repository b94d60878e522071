"""Combinations in the matrix equal the output of Copier's command line, byte for byte."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.combinations.copier_cli import copier, copy_arguments, data
from tests.harness.combinations.domains import DOMAINS
from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import File, render, tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.blobs import Store
    from tests.harness.combinations.domains import Domain
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers

SAMPLE = 4  # of the command line, which is slow
LARGE_SAMPLE = 24  # of whole renderings in process


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sampled" in metafunc.fixturenames:
        draw = random.Random(metafunc.config.option.seed)  # noqa: S311 - a sample, not a secret
        few = metafunc.config.option.matrix == "each"
        surveyed = all_questions().covering(2) if few else list(all_questions().combinations())
        sample = draw.sample(surveyed, SAMPLE // 2 if few else SAMPLE)
        metafunc.parametrize("sampled", sample, ids=map(all_questions().label, sample))


def test_composed_and_rendered_services_equal_command_line_output(
    sampled: Answers, matrix: Matrix, store: Store, template: Path, empty: Path
) -> None:
    """Compare a composed service and one rendered in process with one that the `copier` command renders."""
    by_copier, by_harness = empty / "command line", empty / "harness"
    run = copier(*copy_arguments(template, by_copier, *data(sampled)))
    assert run.returncode == 0, run.stderr
    render(template, by_harness, sampled)
    expected = tree(by_copier)
    assert tree(by_harness) == expected
    composed = store.tree(matrix.compose(matrix.file_facts.combination(sampled)))
    assert composed | {RECORD: expected[RECORD]} == expected


def test_files_rendered_alone_equal_whole_renderings(
    pytestconfig: pytest.Config, matrix: Matrix, store: Store, template: Path, empty: Path
) -> None:
    """Compare files that were rendered alone with renderings of the whole template."""
    draw = random.Random(pytestconfig.option.seed)  # noqa: S311 - a sample, not a secret
    for combination in draw.sample(matrix.combinations, min(LARGE_SAMPLE, len(matrix.combinations))):
        render(template, empty / "whole", combination.answers)
        whole = tree(empty / "whole")
        del whole[RECORD]
        assert store.tree(matrix.compose(combination)) == whole, combination.answers
        shutil.rmtree(empty / "whole")


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_domain_in_data_option_is_parsed_unchanged(domain: Domain) -> None:
    _, written = data({"resources": domain})
    assert yaml.safe_load(written.removeprefix("resources=")) == domain


def test_directory_tree_has_content_and_mode_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "run").write_bytes(b"#!/bin/sh\r\n")
    (tmp_path / "app" / "run").chmod(0o755)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"")
    assert tree(tmp_path) == {"app/run": File(b"#!/bin/sh\r\n", executable=True)}
