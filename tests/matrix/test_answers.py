"""Copier rejects invalid answers in one line, and stores unusual but valid answers unchanged."""

from __future__ import annotations

import ast
import random
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from copier._cli import CopierApp

from tests.harness.combinations.copier_cli import copier, copy_arguments, data
from tests.harness.combinations.files import Files
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree
from tests.harness.combinations.services import Service
from tests.harness.delivery.formats import READERS, SCHEMAS
from tests.harness.findings import assert_no_findings, parse_error, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.thorough

REFUSED = {
    "empty name": ({"project_name": ""}, "A service needs a name."),
    "blank name": ({"project_name": "   "}, "A service needs a name."),
    "space before": ({"project_name": " Shop"}, "starts or ends with a space"),
    "space after": ({"project_name": "Shop "}, "starts or ends with a space"),
    "two lines": ({"project_name": "Shop\nowner = root"}, "control character"),
    "carriage return": ({"project_name": "Shop\rPots"}, "control character"),
    "bell": ({"project_name": "Shop\a"}, "control character"),
    "written right to left": ({"project_name": "Shop\u202egnp.exe"}, "control character"),
    "emoji joined by an invisible character": ({"project_name": "\U0001f468\u200d\U0001f4bb"}, "control character"),
    "endless name": ({"project_name": "a" * 61}, "shorten it to 60"),
    "empty description": ({"project_description": ""}, "A service needs a description."),
    "endless description": ({"project_description": "a" * 5000}, "shorten it to 160"),
    "unknown database": ({"database": "mysql"}, "choose one of postgresql, sqlite"),
    "empty choice": ({"database": ""}, "choose one of postgresql, sqlite"),
    "label of a choice": ({"ci": "GitHub Actions"}, "choose one of github, gitlab, none"),
    "choice in capitals": ({"ci": "GitHub"}, "choose one of github, gitlab, none"),
    "a Python too old": ({"python_version": "3.10"}, "choose one of 3.13"),
    "a Python too exact": ({"python_version": "3.13.1"}, "choose one of 3.13"),
    "misspelt question": ({"data_base": "sqlite"}, "Did you mean database?"),
    "unknown question": ({"licence": "MIT"}, "There are: project_name"),
    "hidden question": ({"plan": "{}"}, "the template computes it"),
    "several choices": ({"database": "[postgresql, sqlite]"}, "choose one of postgresql, sqlite"),
    "unknown feature": ({"features": "[ratelimit, teleport]"}, "'teleport' is not a choice: choose one of ratelimit"),
    "feature that comes with others": ({"features": "[valkey]"}, "'valkey' is not a choice: choose one of ratelimit"),
    "feature that is no list": ({"features": "ratelimit"}, "is not a list: choose any of ratelimit"),
    "feature that is no YAML": ({"features": "[ratelimit"}, "is not a list"),
}
REFUSED_FILES = {
    "number": ("project_name: 7\n", "A service needs a name."),
    "list": ("project_name: [a, b]\n", "A service needs a name."),
    "nothing": ("project_description:\n", "A service needs a description."),
    "no": ("ci: no\n", "choose one of github, gitlab, none"),
    "null": ("ci: null\n", "choose one of github, gitlab, none"),
    "mapping": ("database: {name: sqlite}\n", "choose one of postgresql, sqlite"),
    "no features": ("features:\n", "None is not a list"),
    "features of features": ("features: [[ratelimit]]\n", "['ratelimit'] is not a choice: choose one of ratelimit"),
}
ACCEPTED = {
    "sum": "{{ 7*7 }}",
    "statement": "{% raw %}{% endraw %}",
    "comment": "{# gone? #}",
    "expression of GitHub": "${{ github.token }}",
    "variable of a shell": "$HOME ${PATH} $(id) `id`",
    "double quotes": 'The "Shop"',
    "single quote": "Bob's Shop",
    "both quotes": """Bob's "Shop" '''x''' \"\"\"y\"\"\"""",
    "backslashes": r"C:\new\table \u0041 \x",
    "last backslash": "Shop\\",
    "braces": "{name} {0} %s %(name)s",
    "brackets": "[project] ]] [[",
    "YAML": "- a: &b *c !d | > # e",
    "YAML word": "yes",
    "YAML null": "~",
    "YAML number": "1e3",
    "TOML": "a = 'b' # c",
    "mark-up": "<b>Shop</b> & Söhne ** __x__ | [a](b)",
    "percent": "100 %",
    "umlauts": "Käse & Brötchen GmbH",
    "Chinese": "产品目录服务",
    "wide and long": "産" * 60,
    "Cyrillic": "Магазин товаров",
    "Arabic": "متجر المنتجات",
    "emoji": "Rocket 🚀 Shop",
    "dash": "Shop \u2013 Berlin",
    "digits first": "3D Prints",
    "digits": "42",
    "hyphens": "---",
    "dots": "../../shop",
    "option": "--help",
    "module of the service": "App",
    "word of Python": "class",
    "long": "A service whose name goes on for as long as it may, sixty ch",
}


def refusal(stderr: str) -> str:
    """Return Copier's error, which must be one line, without its notice about missing Git tags."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith("No git tags found")]
    assert len(lines) == 1, stderr
    return lines[0]


@pytest.fixture
def error_of(template: Path, empty: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs the `copier` command in process and returns its error."""

    def refused(*arguments: str) -> str:
        _, code = CopierApp.run(["copier", *copy_arguments(template, empty, *arguments)], exit=False)
        assert code == 1
        assert not empty.exists()
        return refusal(capfd.readouterr().err)

    return refused


@pytest.mark.parametrize(("answers", "message"), REFUSED.values(), ids=REFUSED)
def test_invalid_answer_is_rejected_in_one_line(
    answers: dict[str, str], message: str, error_of: Callable[..., str]
) -> None:
    line = error_of(*data(answers))
    assert line.startswith(f"{next(iter(answers))}: ")
    assert message in line


@pytest.mark.parametrize(("text", "message"), REFUSED_FILES.values(), ids=REFUSED_FILES)
def test_invalid_answers_file_is_rejected(
    text: str, message: str, error_of: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "answers.yml").write_text(text, encoding="utf-8")
    assert message in error_of("--data-file", str(tmp_path / "answers.yml"))


def test_command_line_rejects_invalid_answer(template: Path, empty: Path, pytestconfig: pytest.Config) -> None:
    draw = random.Random(pytestconfig.option.seed)  # noqa: S311 - a sample, not a secret
    answers, message = REFUSED[draw.choice(sorted(REFUSED))]
    run = copier(*copy_arguments(template, empty, *data(answers)))
    assert run.returncode == 1
    assert message in refusal(run.stderr)
    assert "Traceback" not in run.stdout
    assert not empty.exists()


@pytest.fixture(scope="module")
def odd(template: Path, workspace: Path) -> dict[str, Service]:
    """Render services with unusual but valid names and descriptions."""
    services = {}
    for name, text in ACCEPTED.items():
        directory = workspace / "odd" / name
        render(template, directory, all_questions().default | {"project_name": text, "project_description": text})
        services[name] = Service(name, {"project_name": text}, directory, tree(directory))
    return services


@pytest.fixture(scope="module")
def odd_files(odd: dict[str, Service], workspace: Path) -> Files:
    return Files(odd.values(), workspace / "odd files")


def strings(source: bytes) -> set[str]:
    """Return the string constants of a module."""
    constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_name_is_stored_unchanged(name: str, odd: dict[str, Service]) -> None:
    files = odd[name].files
    assert yaml.safe_load(files[".copier-answers.yml"].content)["project_name"] == ACCEPTED[name]
    assert tomllib.loads(files["pyproject.toml"].content.decode())["project"]["description"] == ACCEPTED[name]
    assert ACCEPTED[name] in strings(files["app/main.py"].content)


@pytest.mark.parametrize("pattern", READERS)
def test_services_with_unusual_names_have_parsable_files(pattern: str, odd_files: Files) -> None:
    assert_no_findings(odd_files.problems(lambda file: parse_error(READERS[pattern], file.text), pattern))


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_services_with_unusual_names_pass_linter(command: list[str], odd: dict[str, Service]) -> None:
    assert_no_findings(run("ruff", *command, "--no-cache", *(service.directory for service in odd.values())))


def test_compose_file_with_unusual_service_name_matches_schema(odd_files: Files) -> None:
    files = odd_files.matching("/compose.yml")
    assert_no_findings(run("check-jsonschema", *SCHEMAS["/compose.yml"], *(file.location for file in files)))


def test_dockerfile_with_unusual_service_name_passes_hadolint(odd_files: Files) -> None:
    files = odd_files.matching("/Dockerfile")
    assert_no_findings(run("hadolint", "--no-color", *(file.location for file in files)))
