"""The matrix composes every combination, also of files that read some answers only conditionally."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from copier.errors import UserMessageError

from extensions.slipway_template.questionnaire import read_questionnaire
from tests.harness.combinations.blobs import Store
from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.files import Files
from tests.harness.combinations.questions import Questionnaire, all_questions, rules
from tests.harness.combinations.recorder import recording
from tests.harness.combinations.render_all import Renderer, render_all
from tests.harness.combinations.rendering import render
from tests.harness.combinations.services import rendered_services
from tests.harness.delivery.formats import read_yaml
from tests.harness.findings import parse_error
from tests.harness.workspace import RELEASE, commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.matrix import Matrix

# A small template whose files read different answers in different combinations.
BASE_QUESTIONS: dict[str, Any] = {
    "name": {"type": "str", "default": "Shop"},
    "database": {"type": "str", "choices": ["postgresql", "sqlite"], "default": "postgresql"},
    "ci": {"type": "str", "choices": ["github", "gitlab", "none"], "default": "github"},
    "colour": {"type": "str", "choices": ["red", "green", "blue"], "default": "red"},
    "python_version": {"type": "str", "choices": ["3.13", "3.12"], "default": "3.13"},
}
PLAN = """{{ {
  "database": database,
  "colour": colour,
  "warm": colour == "red",
} | to_json }}"""
OMITTED = """{{ ["github", "gitlab"] | reject("eq", ci) | list | to_json }}"""
QUESTIONS = BASE_QUESTIONS | {
    "plan": {"type": "json", "when": False, "default": PLAN},
    "excluded": {"type": "json", "when": False, "default": OMITTED},
    "_subdirectory": "template",
    "_exclude": ["{% for name in excluded %}\n/{{ name }}.txt\n{% endfor %}"],
}
SMALL = Questionnaire(BASE_QUESTIONS, rules(BASE_QUESTIONS))
TEMPLATE = {
    "plain.txt": "always the same",
    "github.txt": "there or not",
    "gitlab.txt.jinja": "{{ plan.database }}",
    "named.txt.jinja": "{{ name }}",
    "version.txt.jinja": "{{ python_version }}",
    "part.txt.jinja": "{{ plan.warm }}",
    "hidden.txt.jinja": "{% if plan.database == 'sqlite' %}{% if ci == 'none' %}{{ colour }}{% endif %}{% endif %}",
    "{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers | to_json }}",
}
REFUSAL = "{% if database == 'sqlite' and ci == 'gitlab' %}These do not go together.{% endif %}"
RARE = {"database": "sqlite", "ci": "gitlab", "python_version": "3.12", "auth": "local"}
GUARDED = "plan.identity == 'local'"
BREAK = f"\n{{{{ 'tail: [' if plan.database == 'sqlite' and python_version == '3.12' and {GUARDED} else '' }}}}\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def render_matrix(workspace: Path, store: Store, show: Callable[[str], Meter]) -> Callable[..., Matrix]:
    """Return a function that renders the matrix of all combinations of a template."""

    def rendered_matrix(template: Path, questionnaire: Questionnaire, *, every: bool = False) -> Matrix:
        with recording() as recorder:
            renderer = Renderer(template, workspace, store, recorder)
            return render_all(questionnaire.combinations(), renderer, show("Rendering"), every=every)

    return rendered_matrix


@pytest.fixture
def small(tmp_path: Path, workspace: Path) -> Path:
    """Create a small template in a Git repository with one release."""
    _ = workspace
    (tmp_path / "small" / "template").mkdir(parents=True)
    (tmp_path / "small" / "copier.yml").write_text(yaml.safe_dump(QUESTIONS, sort_keys=False), encoding="utf-8")
    for name, text in TEMPLATE.items():
        (tmp_path / "small" / "template" / name).write_text(text, encoding="utf-8")
    commit(tmp_path / "small", RELEASE)
    return tmp_path / "small"


def test_combinations_composed_from_few_renderings_equal_full_renderings(
    small: Path, render_matrix: Callable[..., Matrix]
) -> None:
    """The matrix renders less than a third of the files."""
    few, every = render_matrix(small, SMALL), render_matrix(small, SMALL, every=True)
    assert len(every.rendered) == len(few.combinations) == 2 * 3 * 3 * 2
    for combination, listing in every.rendered:
        assert few.compose(combination) == {path: blob for path, blob in listing.items() if path != RECORD}
    assert files_rendered(few) < files_rendered(every) / 3


def files_rendered(matrix: Matrix) -> int:
    return sum(len(listing) for _, listing in matrix.rendered)


def test_variables_read_by_file_are_recorded(small: Path, render_matrix: Callable[..., Matrix]) -> None:
    read = render_matrix(small, SMALL).reads
    assert read["named.txt"] == {("name",)}
    assert read["part.txt"] == {("plan", "warm")}
    assert read["hidden.txt"] == {("plan", "database"), ("ci",), ("colour",)}
    assert not read["plain.txt"]


def test_file_that_reads_copier_internals_is_rejected(small: Path, render_matrix: Callable[..., Matrix]) -> None:
    (small / "template" / "here.txt.jinja").write_text("{{ _copier_conf.dst_path }}", encoding="utf-8")
    commit(small, "v2.0.0")
    with pytest.raises(AssertionError, match=r"here\.txt reads _copier_conf"):
        render_matrix(small, SMALL)


@pytest.fixture
def strict(template: Path, tmp_path: Path) -> tuple[Path, Questionnaire]:
    """Return a template whose validator rejects a combination of two answers, and its questionnaire."""
    directory = shutil.copytree(template, tmp_path / "strict")
    by_name = dict(all_questions().questions) | {"ci": all_questions().questions["ci"] | {"validator": REFUSAL}}
    raw = read_questionnaire(directory)
    (directory / "copier.yml").write_text(
        yaml.safe_dump(raw | {"ci": by_name["ci"]}, sort_keys=False), encoding="utf-8"
    )
    commit(directory, "v1.0.1")
    return directory, Questionnaire(by_name, rules(by_name)).about({"database", "ci", "python_version"})


def test_combination_rejected_by_questionnaire_is_rejected_by_copier(
    strict: tuple[Path, Questionnaire], template: Path, tmp_path: Path, workspace: Path
) -> None:
    """Try to render all rejected combinations of the real template and of one with another validator."""
    _ = workspace
    rejected = list(strict[1].rejected())
    assert {(answers["database"], answers["ci"]) for answers in rejected} == {("sqlite", "gitlab")}
    both = [(template, answers) for answers in all_questions().rejected()] + [
        (strict[0], answers) for answers in rejected
    ]
    for directory, answers in both:
        with pytest.raises((UserMessageError, ValueError)):
            render(directory, tmp_path / "rejected", answers)
        assert not (tmp_path / "rejected").exists()


def test_matrix_contains_every_allowed_combination(
    strict: tuple[Path, Questionnaire], render_matrix: Callable[..., Matrix]
) -> None:
    matrix = render_matrix(*strict)
    allowed = [combination.answers for combination in matrix.combinations]
    assert allowed == list(strict[1].combinations())
    assert {("sqlite", "github"), ("postgresql", "gitlab")} < {(each["database"], each["ci"]) for each in allowed}


def test_broken_file_in_rare_combination_is_detected(
    tmp_path: Path, template: Path, store: Store, render_matrix: Callable[..., Matrix]
) -> None:
    """Break a file of services with four certain answers; only that file is reported."""
    broken = shutil.copytree(template, tmp_path / "broken")
    with (broken / "template" / ".gitlab-ci.yml.jinja").open("a", encoding="utf-8") as pipeline:
        pipeline.write(BREAK)
    commit(broken, "v1.0.1")
    matrix = render_matrix(broken, all_questions().about(set(RARE)))
    files = Files(rendered_services(matrix, store, tmp_path / "rendered"), tmp_path / "files")
    broken_files = [file for file in files.matching("*.yml") if parse_error(read_yaml, file.text)]
    assert [file.path for file in broken_files] == [".gitlab-ci.yml"]
    assert broken_files[0].service.answers.items() >= RARE.items()
