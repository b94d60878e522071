"""Nothing of any combination escapes the harness: neither a file that reads answers in odd ways, nor a rare one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from copier.errors import UserMessageError

from extensions.questionnaire import described
from tests.harness.combinations.blobs import Store
from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.files import Files
from tests.harness.combinations.questions import Questionnaire, all_questions, rules
from tests.harness.combinations.recorder import recording
from tests.harness.combinations.render_all import Renderer, render_all
from tests.harness.combinations.rendering import render
from tests.harness.combinations.services import rendered
from tests.harness.delivery.formats import read_yaml
from tests.harness.findings import complaint
from tests.harness.workspace import RELEASE, commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.matrix import Matrix

# A template of its own: what its files read differs from one combination to the next.
ASKED: dict[str, Any] = {
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
QUESTIONS = ASKED | {
    "plan": {"type": "json", "when": False, "default": PLAN},
    "omitted": {"type": "json", "when": False, "default": OMITTED},
    "_subdirectory": "template",
    "_exclude": ["{% for name in omitted %}\n/{{ name }}.txt\n{% endfor %}"],
}
SMALL = Questionnaire(ASKED, rules(ASKED))
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
def see(workspace: Path, store: Store, show: Callable[[str], Meter]) -> Callable[..., Matrix]:
    """Look at every combination of a template."""

    def seen(template: Path, asked: Questionnaire, *, every: bool = False) -> Matrix:
        with recording() as recorder:
            return render_all(asked, Renderer(template, workspace, store, recorder), show("Rendering"), every=every)

    return seen


@pytest.fixture
def small(tmp_path: Path, workspace: Path) -> Path:
    """Lay the small template out, in the isolation of the workspace."""
    _ = workspace
    (tmp_path / "small" / "template").mkdir(parents=True)
    (tmp_path / "small" / "copier.yml").write_text(yaml.safe_dump(QUESTIONS, sort_keys=False), encoding="utf-8")
    for name, text in TEMPLATE.items():
        (tmp_path / "small" / "template" / name).write_text(text, encoding="utf-8")
    commit(tmp_path / "small", RELEASE)
    return tmp_path / "small"


def test_few_renderings_stand_for_all(small: Path, see: Callable[..., Matrix]) -> None:
    """What is composed without rendering is what Copier gives, whatever a file reads, and when."""
    few, every = see(small, SMALL), see(small, SMALL, every=True)
    assert len(every.rendered) == len(few.combinations) == 2 * 3 * 3 * 2
    for combination, listing in every.rendered:
        assert few.compose(combination) == {path: blob for path, blob in listing.items() if path != RECORD}
    assert files_rendered(few) < files_rendered(every) / 3


def files_rendered(matrix: Matrix) -> int:
    return sum(len(listing) for _, listing in matrix.rendered)


def test_what_a_file_read_is_known(small: Path, see: Callable[..., Matrix]) -> None:
    read = see(small, SMALL).reads
    assert read["named.txt"] == {("name",)}
    assert read["part.txt"] == {("plan", "warm")}
    assert read["hidden.txt"] == {("plan", "database"), ("ci",), ("colour",)}
    assert not read["plain.txt"]


def test_a_file_that_reads_what_no_answer_decides_is_refused(small: Path, see: Callable[..., Matrix]) -> None:
    (small / "template" / "here.txt.jinja").write_text("{{ _copier_conf.dst_path }}", encoding="utf-8")
    commit(small, "v2.0.0")
    with pytest.raises(AssertionError, match=r"here\.txt reads _copier_conf"):
        see(small, SMALL)


@pytest.fixture
def strict(template: Path, tmp_path: Path) -> tuple[Path, Questionnaire]:
    """Make a template that refuses two answers together, and what the harness reads of it."""
    directory = shutil.copytree(template, tmp_path / "strict")
    asked = dict(all_questions().questions) | {"ci": all_questions().questions["ci"] | {"validator": REFUSAL}}
    raw = described(directory)
    (directory / "copier.yml").write_text(yaml.safe_dump(raw | {"ci": asked["ci"]}, sort_keys=False), encoding="utf-8")
    commit(directory, "v1.0.1")
    return directory, Questionnaire(asked, rules(asked)).about({"database", "ci", "python_version"})


def test_what_must_be_refused_is_refused(
    strict: tuple[Path, Questionnaire], template: Path, tmp_path: Path, workspace: Path
) -> None:
    """Of the template as it is, all there is; of one with a rule more, what the rule says."""
    _ = workspace
    refused = list(strict[1].refused())
    assert {(given["database"], given["ci"]) for given in refused} == {("sqlite", "gitlab")}
    both = [(template, given) for given in all_questions().refused()] + [(strict[0], given) for given in refused]
    for directory, given in both:
        with pytest.raises((UserMessageError, ValueError)):
            render(directory, tmp_path / "refused", given)
        assert not (tmp_path / "refused").exists()


def test_what_is_not_refused_is_rendered(strict: tuple[Path, Questionnaire], see: Callable[..., Matrix]) -> None:
    matrix = see(*strict)
    given = [combination.answers for combination in matrix.combinations]
    assert given == list(strict[1].combinations())
    assert {("sqlite", "github"), ("postgresql", "gitlab")} < {(each["database"], each["ci"]) for each in given}


def test_one_broken_file_of_a_rare_combination_is_seen(
    tmp_path: Path, template: Path, store: Store, see: Callable[..., Matrix]
) -> None:
    """One file of the template is broken where four answers meet: one of all files is found."""
    broken = shutil.copytree(template, tmp_path / "broken")
    with (broken / "template" / ".gitlab-ci.yml.jinja").open("a", encoding="utf-8") as pipeline:
        pipeline.write(BREAK)
    commit(broken, "v1.0.1")
    matrix = see(broken, all_questions().about(set(RARE)))
    files = Files(rendered(matrix, store, tmp_path / "rendered"), tmp_path / "files")
    found = [file for file in files.matching("*.yml") if complaint(read_yaml, file.text)]
    assert [file.path for file in found] == [".gitlab-ci.yml"]
    assert found[0].service.answers.items() >= RARE.items()
