"""A service's agent instructions are short, and match its rules, files, skills and permissions."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
import yaml

from extensions.slipway_template.rules import RULES, rules_for
from tests.harness.findings import TOOLS, assert_no_findings, format_findings
from tests.harness.readme.newcomer import commands
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.combinations.services import Service

    Texts = dict[str, str]

PAGE = "AGENTS.md"
LISTS = ".claude/footprint/"
SETTINGS = ".claude/settings.json"
READ, TESTS = (PAGE, SETTINGS, "pyproject.toml", "ruff.toml"), "tests/"
MAX_LINES = 150  # of the page
RULE = re.compile(r"^- (?P<says>\S.*?)\s\(`(?P<check>[^`]+)`\)$", re.MULTILINE)
LAYERS = ("models", "schemas", "services", "routers", "enums", "factories")
GUIDES = ROOT / "template" / ".claude"
SKILLS = sorted(GUIDES.glob("skills/*/SKILL.md"))
AGENTS = sorted(GUIDES.glob("agents/*.md"))
TASKS = {"add-resource", "add-route", "add-setting", "write-migration", "update-from-template"}
DENIED = ("uv run app migrate *", "uv run alembic upgrade *", "uv run alembic downgrade *", "dropdb *")
STRICT = {"no-untyped-def", "attr-defined"}  # codes of mypy's `strict`, or always enabled


def guided(services: list[Service]) -> Iterator[tuple[str, Texts]]:
    """Yield the label and the relevant file texts of each service that has agent instructions."""
    for service in services:
        read = [path for path in service.files if path in READ or path.startswith(TESTS)]
        if PAGE in read:
            yield service.label, {path: service.files[path].content.decode() for path in read}


def findings(services: list[Service], find: Callable[[Texts], list[str]]) -> str:
    return format_findings({label: find(texts) for label, texts in guided(services)})


def rules(page: str) -> list[tuple[str, str]]:
    """Return each rule of `AGENTS.md` with the check that it names; empty if it names none."""
    section = page.split("\n## Rules\n")[1].split("\n## ", maxsplit=1)[0]
    entries = [" ".join(entry.split()) for entry in re.split(r"^(?=- )", section, flags=re.MULTILINE)[1:]]
    matches = [(entry, RULE.fullmatch(entry)) for entry in entries]
    return [(match["says"], match["check"]) if match else (entry, "") for entry, match in matches]


@cache
def linted(settings: str) -> frozenset[str]:
    """Return the rule codes that a `ruff.toml` enables, regardless of per-file ignores."""
    lint = tomllib.loads(settings)["lint"]
    assert lint["select"] == ["ALL"]
    command = [str(TOOLS / "ruff"), "rule", "--all", "--output-format", "json"]
    rules = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    codes = (rule["code"] for rule in rules if rule["code"])  # some preview rules have none
    return frozenset(code for code in codes if not code.startswith(tuple(lint["ignore"])))


@cache
def project(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return import-linter's contracts and mypy's enabled error codes from a `pyproject.toml`."""
    tool = tomllib.loads(text)["tool"]
    mypy = frozenset(tool["mypy"]["enable_error_code"])
    contracts = frozenset(contract["name"] for contract in tool["importlinter"]["contracts"])
    return contracts, mypy | STRICT if tool["mypy"]["strict"] else mypy


def check_exists(check: str, texts: Texts) -> bool:
    """Return whether a service has a check: a test, an enabled linter code, or an import contract."""
    tool, _, name = check.partition(" ")
    contracts, errors = project(texts["pyproject.toml"])
    if tool == "ruff":
        return any(code.startswith(name) for code in linted(texts["ruff.toml"]))
    if tool == "mypy":
        return name in errors
    if tool == "lint-imports:":
        return name in contracts
    path, _, test = check.partition("::")
    return re.search(rf"^(?:async )?def {re.escape(test)}\(", texts.get(path, ""), re.MULTILINE) is not None


def rules_without_check(texts: Texts) -> list[str]:
    return [says for says, check in rules(texts[PAGE]) if not check or not check_exists(check, texts)]


def too_long(texts: Texts) -> list[str]:
    lines = len(texts[PAGE].splitlines())
    return [f"{lines} lines"] if lines > MAX_LINES else []


def test_each_agents_page_rule_names_an_existing_check(services: list[Service]) -> None:
    assert_no_findings(findings(services, rules_without_check))


def test_agents_page_stays_within_line_limit(services: list[Service]) -> None:
    assert_no_findings(findings(services, too_long))


def test_agents_page_names_each_rule_check(services: list[Service]) -> None:
    def missing_rules(texts: Texts) -> list[str]:
        named = {check for _, check in rules(texts[PAGE])}
        return [rule.says for rule in RULES if check_exists(rule.check, texts) and rule.check not in named]

    assert_no_findings(findings(services, missing_rules))


def test_catalogue_has_no_duplicate_rules_or_checks() -> None:
    assert len({rule.says for rule in RULES}) == len({rule.check for rule in RULES}) == len(RULES)
    assert {rule.check for rule in RULES} - {rule.check for rule in rules_for([])}


def footprint(service: Service) -> tuple[set[str], list[str]]:
    """Return the paths and the patterns in the lists of template files that a service ships."""
    lists = [file.content.decode() for path, file in service.files.items() if path.startswith(LISTS)]
    lines = [line for text in lists for line in text.splitlines() if not line.startswith("#")]
    return {line for line in lines if "*" not in line}, [line for line in lines if "*" in line]


def is_resource_file(path: str, resources: set[str]) -> bool:
    """Return whether a path is a module of one of the resources."""
    pure = PurePosixPath(path)
    return pure.stem.removeprefix("test_") in resources and (
        pure.parent.name in LAYERS or pure.parts[:-1] == ("tests",)
    )


def test_footprint_lists_exactly_the_template_files(services: list[Service]) -> None:
    def wrong(service: Service) -> list[str]:
        exact, patterns = footprint(service)
        matching = {path for path in service.files if any(fnmatchcase(path, pattern) for pattern in patterns)}
        names = {resource["name"] for resource in service.answers["resources"]}
        own = {path for path in service.files if is_resource_file(path, names) or "migrations/versions/" in path}
        return sorted((exact | matching) ^ (service.files.keys() - own))

    assert_no_findings(
        format_findings({service.label: wrong(service) for service in services if PAGE in service.files})
    )


def test_agent_permissions_deny_dangerous_commands(services: list[Service]) -> None:
    def wrong(texts: Texts) -> list[str]:
        permissions = json.loads(texts[SETTINGS])["permissions"]
        denied = {rule.removeprefix("Bash(").removesuffix(")") for rule in permissions["deny"]}
        both = [rule for rule in permissions["allow"] if rule in permissions["deny"]]
        return both + [command for command in DENIED if command not in denied]

    assert_no_findings(findings(services, wrong))


@pytest.mark.parametrize("path", [*SKILLS, *AGENTS], ids=lambda path: str(path.relative_to(GUIDES)))
def test_skill_or_agent_file_has_name_and_trigger(path: Path) -> None:
    _, front, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["name"] == (path.parent.name if path.name == "SKILL.md" else path.stem)
    assert " Use it " in metadata["description"]
    assert metadata.keys() <= {"name", "description", "tools"}


@pytest.mark.parametrize("path", SKILLS, ids=lambda path: str(path.parent.name))
def test_skill_ends_with_a_test_command(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("```\n")
    assert "uv run pytest" in " ".join(commands(text.split(" is done when ")[1]))


def test_skills_cover_common_tasks() -> None:
    assert {path.parent.name for path in SKILLS} == TASKS


TEXTS = {
    "pyproject.toml": '[tool.mypy]\nstrict = true\nenable_error_code = ["deprecated"]\n'
    '[tool.importlinter]\ncontracts = [{ name = "One way" }]\n',
    "ruff.toml": '[lint]\nselect = ["ALL"]\nignore = ["EM"]\n',
    "tests/test_a.py": "async def test_it() -> None: ...\n",
}


@pytest.mark.parametrize(
    "check",
    [
        "ruff T201",
        "ruff ASYNC",
        "mypy deprecated",
        "mypy no-untyped-def",
        "lint-imports: One way",
        "tests/test_a.py::test_it",
    ],
)
def test_existing_rule_check_is_found(check: str) -> None:
    assert check_exists(check, TEXTS)


@pytest.mark.parametrize(
    "check",
    [
        "ruff EM101",
        "ruff T999",
        "mypy redundant-self",
        "lint-imports: Two",
        "tests/test_a.py::test_i",
        "tests/b.py::test_it",
    ],
)
def test_missing_rule_check_is_detected(check: str) -> None:
    assert not check_exists(check, TEXTS)


def test_rule_that_names_no_check_is_detected() -> None:
    page = "\n## Rules\n\nEach.\n\n- Do not. (`ruff\n  T201`)\n- Do.\n\n## Other\n\n- More.\n"
    assert rules(page) == [("Do not.", "ruff T201"), ("- Do.", "")]
    assert rules_without_check(TEXTS | {PAGE: page}) == ["- Do."]
