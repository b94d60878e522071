"""Properties of every rendered file in every combination of answers."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.combinations.facts import LOOP, RECORD
from tests.harness.combinations.questions import SURROUNDINGS, all_questions, code_questions
from tests.harness.findings import assert_no_findings
from tests.harness.workspace import TEMPLATE, template_files

if TYPE_CHECKING:
    from tests.harness.combinations.blobs import Blob
    from tests.harness.combinations.files import Files
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.services import Service

NAME_OF_RECORD = "{{ _copier_conf.answers_file }}"
JINJA = re.compile(r"(?<!\$)\{\{-?\s|\{%|\{#")
TEMPLATES = "/templates/"
MAY_BE_EMPTY = ("__init__.py", "py.typed", ".gitkeep")


def unrendered(text: str) -> list[str]:
    """Return the lines with Jinja syntax; GitHub's `${{ … }}` and braces in f-strings are excluded."""
    return [line for line in text.splitlines() if JINJA.search(line)]


@pytest.mark.thorough
def test_every_combination_can_be_composed(matrix: Matrix) -> None:
    """Each file was rendered at least once with the variables' values that the combination gives it."""
    assert [combination.answers for combination in matrix.combinations] == list(all_questions().combinations())
    assert list(matrix.unknown(matrix.combinations)) == []


def test_composed_files_equal_rendered_files(matrix: Matrix) -> None:
    for combination, listing in matrix.rendered:
        composed = matrix.compose(combination) | {RECORD: listing[RECORD]}
        assert composed.keys() == matrix.present(combination) | {RECORD}
        assert {path: composed[path] for path in listing} == listing, combination.answers


@pytest.mark.thorough
def test_pipeline_and_deployment_answers_do_not_change_code(matrix: Matrix) -> None:
    questionnaire = code_questions()
    codes: dict[str, set[frozenset[tuple[str, Blob]]]] = defaultdict(set)
    for code, combinations in matrix.codes().items():
        for combination in combinations:
            codes[questionnaire.label(combination.answers)].add(code)
    assert len(codes) == len(list(questionnaire.combinations()))
    assert [label for label, variants in codes.items() if len(variants) > 1] == []


@pytest.mark.parametrize("name", sorted(SURROUNDINGS))
def test_questions_excluded_from_code_exist(name: str) -> None:
    assert name in all_questions().varying


@pytest.mark.thorough
def test_every_template_file_is_rendered(matrix: Matrix) -> None:
    rendered_paths = {path for _, listing in matrix.rendered for path in listing}
    assert rendered_paths == matrix.file_facts.paths | {RECORD}
    plain = {path.removesuffix(".jinja") for path in template_files() if not LOOP.search(path)}
    assert rendered_paths >= {path.replace(NAME_OF_RECORD, RECORD) for path in plain}


def test_files_have_no_unrendered_jinja(files: Files) -> None:
    """The service's own e-mail templates are excluded."""
    assert_no_findings(
        files.problems(lambda file: "" if TEMPLATES in str(file) else "; ".join(unrendered(file.text)), "*")
    )


def test_rendered_files_except_marker_files_are_not_empty(files: Files) -> None:
    empty = [str(file) for file in files if not file.content.strip()]
    assert [name for name in empty if not name.split(" of ")[0].endswith(MAY_BE_EMPTY)] == []


def test_service_has_no_empty_directory(combination: Service) -> None:
    """Copier creates a directory before it excludes the files in it."""
    directories = (path for path in combination.directory.rglob("*") if path.is_dir())
    assert [path for path in directories if not any(path.iterdir())] == []


def test_answers_file_has_all_answers(services: list[Service]) -> None:
    """An update reads the answers from this file."""
    for service in services:
        recorded = yaml.safe_load(service.files[RECORD].content)
        assert {name: value for name, value in recorded.items() if not name.startswith("_")} == service.answers


@pytest.mark.parametrize("line", ["title = {{ plan.title }}", "{% for x in y %}", "{# why #}", "${{ a }} {{ b }}"])
def test_unrendered_jinja_is_detected(line: str) -> None:
    assert unrendered(f"first\n{line}\n") == [line]


@pytest.mark.parametrize("line", ["group: ${{ github.ref }}", 'f"{URL}/{{file_id}}"'])
def test_github_and_f_string_braces_are_not_jinja(line: str) -> None:
    assert unrendered(line) == []


def test_jinja_expressions_in_template_start_with_a_space() -> None:
    """Without the space, an unrendered expression would look like a brace in an f-string."""
    texts = ((path, TEMPLATE.joinpath(path).read_text(encoding="utf-8")) for path in template_files())
    assert [path for path, text in texts if path.endswith(".jinja") and re.search(r"(?<!\$)\{\{(?!-?\s)", text)] == []
