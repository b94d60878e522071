"""A small template with three releases, and a service whose user runs the `slipway` command.

Copier and Git take ten times as long with the full template.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from slipway.commands.update import update
from slipway.errors import RejectedError
from slipway.service.checkout import Service
from slipway.update.request import Request
from tests.harness.combinations.rendering import render
from tests.harness.workspace import ROOT, TEMPLATE, commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.copier_cli import Run

FIRST, SECOND, THIRD = "v1.0.0", "v1.1.0", "v2.0.0"
QUESTIONS = """\
_min_copier_version: "9.19.1"
_subdirectory: template
_skip_if_exists: [first.sql]
_exclude:
  - "{% if not cache %}/app/cache.py{% endif %}"
project: {type: str, default: Shop}
cache: {type: bool, default: true}
"""
PROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"

[dependency-groups]
dev = ["deptry", "import-linter", "mypy", "pytest", "ruff"]

[tool.uv]
package = false

[tool.pytest.ini_options]
testpaths = ["tests"]

[tool.mypy]
files = ["app", "tests"]

[tool.deptry]
extend_exclude = ["^slipway.py"]
known_first_party = ["app"]

[tool.importlinter]
root_packages = ["app"]
include_external_packages = true

[[tool.importlinter.contracts]]
name = "The service knows nothing of Copier"
type = "forbidden"
source_modules = ["app"]
forbidden_modules = ["copier"]
"""
TESTS = """\
from app import limits


def test_the_size_is_ten() -> None:
    assert limits.SIZE == 10
"""
LINES = {
    "ci": ["steps:", "  - checkout: 4", "  - test: all", "  - report: none", ""],
    "limits": ['"""Limits."""', "", "SIZE = 10", "RATE = 20", "", "COLOURS = 3", "SHAPES = 4", ""],
    "words": ['"""Words."""', "", 'YES = "yes"', 'NO = "no"', ""],
}
FILES = {
    "copier.yml": QUESTIONS,
    "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\nNothing yet.\n\n## 1.0.0\n\nThe first.\n",
    "template/{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers|to_nice_yaml -}}\n",
    "template/.gitignore": ".dev/\n.venv/\n__pycache__/\n.*_cache/\n",
    "template/pyproject.toml": PROJECT,
    "template/ruff.toml": (TEMPLATE / "ruff.toml").read_text(encoding="utf-8"),
    "template/app/__init__.py": "",
    "template/app/cache.py": '"""A cache."""\n',
    "template/app/greetings.py": '"""Greetings."""\n',
    "template/app/limits.py": "\n".join(LINES["limits"]),
    "template/app/words.py": "\n".join(LINES["words"]),
    "template/ci.yml": "\n".join(LINES["ci"]),
    "template/first.sql": "create table product;\n",
    "template/tests/test_limits.py": TESTS,
}
NOTES = 'Greets: `hello` to "it" & all.\n\nA second line.'
MOVES = """\
[[moves]]
version = "2.0.0"
from = "app/words.py"
to = "app/phrases.py"
"""


def write(directory: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text, encoding="utf-8")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def create_template(directory: Path) -> None:
    """Create a template repository with three releases."""
    emitted = directory / "template"
    write(directory, FILES)
    shutil.copy(TEMPLATE / "slipway.py", emitted)
    shutil.copytree(ROOT / "slipway", directory / "slipway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, directory)
    commit(directory, FIRST)
    change(emitted / "ci.yml", "test: all", "test: quick")
    change(directory / "CHANGELOG.md", "## 1.0.0", "## 1.1.0\n\nQuick tests.\n\n## 1.0.0")
    commit(directory, SECOND)
    change(emitted / "ci.yml", "checkout: 4", "checkout: 5")
    change(emitted / "app" / "limits.py", "SIZE = 10", "TIMEOUT = 30\nSIZE = 10")
    (emitted / "app" / "words.py").rename(emitted / "app" / "phrases.py")
    (emitted / "app" / "greetings.py").unlink()
    write(emitted, {"first.sql": "create table product (id int);\n"})
    write(directory, {"copier.yml": QUESTIONS + "greeting: {type: str, default: hello}\n", "updates/moves.toml": MOVES})
    change(
        directory / "CHANGELOG.md",
        "## 1.1.0",
        '## [2.0.0] - some day\n\nGreets: `hello` to "it" & all.\n\nA second line.\n\n## 1.1.0',
    )
    commit(directory, THIRD)


@dataclass(frozen=True)
class Owner:
    """A service's Git repository, and the commands that its user runs there."""

    directory: Path

    def __truediv__(self, path: str) -> Path:
        return self.directory / path

    def read(self, path: str) -> str:
        return (self / path).read_text(encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        change(self / path, old, new)
        self.commit(f"Edit {path}")

    def commit(self, message: str) -> None:
        git(self.directory, "add", "--all")
        git(self.directory, "commit", "--message", message)

    def commit_new(self, path: str, text: str) -> None:
        """Create a file in the service and commit it."""
        write(self.directory, {path: text})
        self.commit(f"Add {path}")

    @property
    def tree(self) -> str:
        """The hash of the last commit's tree."""
        return git(self.directory, "rev-parse", "HEAD^{tree}").strip()

    @property
    def head(self) -> str:
        return git(self.directory, "rev-parse", "HEAD").strip()

    def run(self, *arguments: str) -> Run:
        """Run `slipway` in the harness's environment."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "slipway", *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run `slipway` with `--json`, and return its exit code and parsed output."""
        completed = self.run(*arguments, "--json")
        assert "Traceback" not in completed.stderr, completed.stderr
        return completed.returncode, dict(json.loads(completed.stdout))

    def update(self, **answers: object) -> dict[str, Any]:
        """Run `slipway update` in the harness's process, without checks and migration.

        The harness caches what Copier computes. Return the fields of the report, also of a rejected update.
        """
        try:
            request = Request(answers=answers, checks=False, migration=False)
            return asdict(update(Service(self.directory), request))
        except RejectedError as error:
            return error.report

    def result(self, report: dict[str, Any]) -> Owner:
        """Return the directory that contains the merged files of a rejected update."""
        return Owner(self.directory if report["tree"] is None else self / report["tree"])


def create_service(template: Path, directory: Path, version: str = FIRST, **answers: object) -> Owner:
    """Render a service into a new Git repository, and commit it."""
    render(template, directory, answers, version)
    git(directory, "init")
    owner = Owner(directory)
    owner.commit("Start")
    return owner
