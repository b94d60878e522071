"""Every file of every combination is known, and what holds for all of them, whatever they are."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.combinations.facts import LOOP, RECORD
from tests.harness.combinations.questions import SURROUNDINGS, all_questions, code_questions
from tests.harness.findings import expect_none
from tests.harness.workspace import in_template

if TYPE_CHECKING:
    from tests.harness.combinations.blobs import Blob
    from tests.harness.combinations.files import Files
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.services import Service

NAME_OF_RECORD = "{{ _copier_conf.answers_file }}"
LEFT_OVER = re.compile(r"(?<!\$)\{\{|\{%|\{#")
TEMPLATES = "/templates/"
MAY_BE_EMPTY = ("__init__.py", "py.typed", ".gitkeep")


def left_over(text: str) -> list[str]:
    """List the lines in which a piece of Jinja stands; `${{ … }}` is GitHub's."""
    return [line for line in text.splitlines() if LEFT_OVER.search(line)]


def test_every_file_of_every_combination_was_rendered(matrix: Matrix) -> None:
    """Each combination can be composed: each of its files was rendered with all that it read."""
    assert [combination.answers for combination in matrix.combinations] == list(all_questions().combinations())
    for combination in matrix.combinations:
        assert matrix.compose(combination).keys() == matrix.present(combination)


def test_what_was_rendered_is_what_is_composed(matrix: Matrix) -> None:
    for combination, listing in matrix.rendered:
        composed = matrix.compose(combination) | {RECORD: listing[RECORD]}
        assert {path: composed[path] for path in listing} == listing, combination.answers


def test_what_surrounds_the_code_decides_none_of_it(matrix: Matrix) -> None:
    codes = code_questions()
    decided: dict[str, set[frozenset[tuple[str, Blob]]]] = defaultdict(set)
    for code, combinations in matrix.codes().items():
        for combination in combinations:
            decided[codes.label(combination.answers)].add(code)
    assert len(decided) == len(list(codes.combinations()))
    assert [label for label, found in decided.items() if len(found) > 1] == []


@pytest.mark.parametrize("name", sorted(SURROUNDINGS))
def test_what_surrounds_the_code_is_asked(name: str) -> None:
    assert name in all_questions().chosen


def test_every_file_of_the_template_is_given(matrix: Matrix) -> None:
    given = {path for _, listing in matrix.rendered for path in listing}
    assert given == matrix.file_facts.paths | {RECORD}
    plain = {path.removesuffix(".jinja") for path in in_template() if not LOOP.search(path)}
    assert given >= {path.replace(NAME_OF_RECORD, RECORD) for path in plain}


def test_no_jinja_is_left_over(files: Files) -> None:
    """But where a service has templates of its own, those of its mails."""
    expect_none(files.problems(lambda file: "" if TEMPLATES in str(file) else "; ".join(left_over(file.text)), "*"))


def test_no_file_is_empty_by_accident(files: Files) -> None:
    empty = [str(file) for file in files if not file.content.strip()]
    assert [name for name in empty if not name.split(" of ")[0].endswith(MAY_BE_EMPTY)] == []


def test_answers_are_recorded(services: list[Service]) -> None:
    """What Copier wrote down leads back to the same combination, by an update years later."""
    for service in services:
        recorded = yaml.safe_load(service.files[RECORD].content)
        assert {name: value for name, value in recorded.items() if not name.startswith("_")} == service.answers


@pytest.mark.parametrize("line", ["title = {{ plan.title }}", "{% for x in y %}", "{# why #}", "${{ a }} {{ b }}"])
def test_left_over_jinja_is_seen(line: str) -> None:
    assert left_over(f"first\n{line}\n") == [line]


def test_an_expression_of_github_is_not_jinja() -> None:
    assert left_over("group: ${{ github.ref }}") == []
