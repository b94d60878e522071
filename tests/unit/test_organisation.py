"""An organisation's `standard.toml` is read; each mistake is reported in one line with the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from copier.errors import UserMessageError

from extensions.slipway_template.answers import choice_problem
from extensions.slipway_template.organisation import PROBLEMS, Standard, read_standard
from extensions.slipway_template.questionnaire import read_questionnaire

if TYPE_CHECKING:
    from pathlib import Path

WRONG = {
    "no TOML": ("runtime = [", "invalid TOML: "),
    "a key that there is not": ("licences = 'MIT'", "licences: unknown key. Did you mean licence?"),
    "a key like no other": ("colour = 'red'", "colour: unknown key. There are: runtime, test, lint, guidance"),
    "one requirement": ("runtime = 'acme'", 'runtime: it is a list of lines, such as ["one", "another"].'),
    "no requirement": ("test = ['acme >> 1']", "test: 'acme >> 1' is not a requirement of PEP 508"),
    "an empty line": ("guidance = ['']", "guidance: it is a list of lines"),
    "lines in a line": ('guidance = ["a\\nb"]', "guidance: it is a list of lines"),
    "no image": ("uv_image = 'a b'", "uv_image: it is the name of an image"),
    "one version": ("python_image = 'python:3.13'", "python_image: it has no placeholder for the version of Python"),
    "no table": ("index = 'https://packages.example.com'", "index: it is a table with name and url only"),
    "no address": ("index = {name = 'acme', url = 'packages'}", "index: it is a table with name and url only"),
    "a password": ("index = {name = 'a', url = 'https://a:b@c.example.com'}", "index: its url contains credentials"),
    "a text": ("licence = '''All\nrights'''", "licence: it is an SPDX expression"),
    "no way to include": ("gitlab = [{file = 'a.yml'}]", "gitlab: it is a list of tables, each with one of component"),
    "one table": ("gitlab = {local = 'a.yml'}", "gitlab: it is a list of tables"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_mistake_in_standard_file_is_reported_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserMessageError) as refused:
        read_standard(text)
    assert str(refused.value).startswith(f"org/standard.toml: {message}")
    assert "\n" not in str(refused.value)


def test_each_standard_file_key_is_validated() -> None:
    assert list(PROBLEMS) == list(Standard.__dataclass_fields__)
    assert PROBLEMS.keys() <= {text.partition(" ")[0] for text, _ in WRONG.values()} | {"lint"}


def test_empty_standard_file_changes_nothing() -> None:
    assert read_standard("") == Standard()


def test_distribution_in_standard_file_need_not_be_imported() -> None:
    assert read_standard("runtime = ['acme[all]>=1 ; python_version>\"3\"']").feature.unimported == ("acme",)


@pytest.mark.parametrize(
    "choices",
    [["a", "b"], {"A": "a", "B": "b"}, [["A", "a"], ["B", "b"]], {"A": {"value": "a", "validator": ""}, "B": "b"}],
    ids=["list", "names", "pairs", "conditions"],
)
def test_answer_is_checked_against_choices_in_every_copier_format(choices: object) -> None:
    assert choice_problem({"choices": choices}, "a") == ""
    assert choice_problem({"choices": choices}, "c") == "'c' is not a choice: choose one of a, b."


def test_answer_to_question_with_computed_choices_is_not_checked() -> None:
    assert choice_problem({"choices": "{{ teams }}"}, "a") == ""


def test_later_yaml_documents_override_questions_and_extend_lists(tmp_path: Path) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "copier.yml").write_text("a: 1\nb: 2\n_exclude: [x]\n---\n!include org/*.yml\n", encoding="utf-8")
    (tmp_path / "org" / "more.yml").write_text("b: 3\n_exclude: [y]\n---\nc: 4\n", encoding="utf-8")
    assert read_questionnaire(tmp_path) == {"a": 1, "b": 3, "c": 4, "_exclude": ["x", "y"]}
