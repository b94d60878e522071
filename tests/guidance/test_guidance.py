"""What a service tells assistants is short, and true of that very service: its rules, lists, skills and permissions."""

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

from extensions.rules import RULES, holding
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
READ, TESTS = (PAGE, SETTINGS, "pyproject.toml", "ruff.toml"), "tests/test_"
MOST = 150  # lines of the page
RULE = re.compile(r"^- (?P<says>\S.*?)\s\(`(?P<check>[^`]+)`\)$", re.MULTILINE)
LAYERS = ("models", "schemas", "services", "routers", "enums", "factories")
GUIDES = ROOT / "template" / ".claude"
SKILLS = sorted(GUIDES.glob("skills/*/SKILL.md"))
AGENTS = sorted(GUIDES.glob("agents/*.md"))
JOBS = {"add-resource", "add-route", "add-setting", "write-migration", "update-from-template"}
PEOPLES = ("uv run app migrate *", "uv run alembic upgrade *", "uv run alembic downgrade *", "dropdb *")
STRICT = {"no-untyped-def", "attr-defined"}  # codes that mypy's `strict` brings, or that are always there


def guided(services: list[Service]) -> Iterator[tuple[str, Texts]]:
    """Read what is looked at here of each service that guides assistants."""
    for service in services:
        read = [path for path in service.files if path in READ or path.startswith(TESTS)]
        if PAGE in read:
            yield service.label, {path: service.files[path].content.decode() for path in read}


def tell(services: list[Service], find: Callable[[Texts], list[str]]) -> str:
    return format_findings({label: find(texts) for label, texts in guided(services)})


def rules(page: str) -> list[tuple[str, str]]:
    """List the rules of a page, and the check that each names; an entry that names none has an empty one."""
    section = page.split("\n## Rules\n")[1].split("\n## ", maxsplit=1)[0]
    entries = [" ".join(entry.split()) for entry in re.split(r"^(?=- )", section, flags=re.MULTILINE)[1:]]
    matches = [(entry, RULE.fullmatch(entry)) for entry in entries]
    return [(match["says"], match["check"]) if match else (entry, "") for entry, match in matches]


@cache
def linted(settings: str) -> frozenset[str]:
    """List the codes that ruff looks for in a service, everywhere but where a path is excepted."""
    lint = tomllib.loads(settings)["lint"]
    assert lint["select"] == ["ALL"]
    command = [str(TOOLS / "ruff"), "rule", "--all", "--output-format", "json"]
    every = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    codes = (rule["code"] for rule in every if rule["code"])  # some rules of previews have none
    return frozenset(code for code in codes if not code.startswith(tuple(lint["ignore"])))


@cache
def project(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Name the contracts of import-linter's, and the errors that mypy looks for."""
    tool = tomllib.loads(text)["tool"]
    mypy = frozenset(tool["mypy"]["enable_error_code"])
    contracts = frozenset(contract["name"] for contract in tool["importlinter"]["contracts"])
    return contracts, mypy | STRICT if tool["mypy"]["strict"] else mypy


def is_there(check: str, texts: Texts) -> bool:
    """Say whether a service has a check: a test, a code, or a contract."""
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


def unfounded(texts: Texts) -> list[str]:
    return [says for says, check in rules(texts[PAGE]) if not check or not is_there(check, texts)]


def lengthy(texts: Texts) -> list[str]:
    lines = len(texts[PAGE].splitlines())
    return [f"{lines} lines"] if lines > MOST else []


def test_each_rule_names_a_check_that_is_there(services: list[Service]) -> None:
    assert_no_findings(tell(services, unfounded))


def test_the_page_is_short(services: list[Service]) -> None:
    assert_no_findings(tell(services, lengthy))


def test_no_rule_is_left_unsaid(services: list[Service]) -> None:
    """A service that has the check has the rule, too."""

    def unsaid(texts: Texts) -> list[str]:
        said = {check for _, check in rules(texts[PAGE])}
        return [rule.says for rule in RULES if is_there(rule.check, texts) and rule.check not in said]

    assert_no_findings(tell(services, unsaid))


def test_rules_are_told_apart() -> None:
    assert len({rule.says for rule in RULES}) == len({rule.check for rule in RULES}) == len(RULES)
    assert {rule.check for rule in RULES} - {rule.check for rule in holding([])}


def kept(service: Service) -> tuple[set[str], list[str]]:
    """Read the lists of what the template keeps: paths, and patterns of paths."""
    lists = [file.content.decode() for path, file in service.files.items() if path.startswith(LISTS)]
    lines = [line for text in lists for line in text.splitlines() if not line.startswith("#")]
    return {line for line in lines if "*" not in line}, [line for line in lines if "*" in line]


def is_of_a_resource(path: str, resources: set[str]) -> bool:
    """Say whether a file is one of those of which each resource has one."""
    pure = PurePosixPath(path)
    return pure.stem.removeprefix("test_") in resources and (
        pure.parent.name in LAYERS or pure.parts[:-1] == ("tests",)
    )


def test_what_the_template_keeps_is_listed_and_no_more(services: list[Service]) -> None:
    def wrong(service: Service) -> list[str]:
        exact, patterns = kept(service)
        fitting = {path for path in service.files if any(fnmatchcase(path, pattern) for pattern in patterns)}
        names = {resource["name"] for resource in service.answers["resources"]}
        own = {path for path in service.files if is_of_a_resource(path, names) or "migrations/versions/" in path}
        return sorted((exact | fitting) ^ (service.files.keys() - own))

    assert_no_findings(
        format_findings({service.label: wrong(service) for service in services if PAGE in service.files})
    )


def test_what_people_do_is_denied_and_nothing_is_both(services: list[Service]) -> None:
    def wrong(texts: Texts) -> list[str]:
        given = json.loads(texts[SETTINGS])["permissions"]
        denied = {rule.removeprefix("Bash(").removesuffix(")") for rule in given["deny"]}
        both = [rule for rule in given["allow"] if rule in given["deny"]]
        return both + [command for command in PEOPLES if command not in denied]

    assert_no_findings(tell(services, wrong))


@pytest.mark.parametrize("path", [*SKILLS, *AGENTS], ids=lambda path: str(path.relative_to(GUIDES)))
def test_a_guide_is_found_by_its_name_and_says_when_to_use_it(path: Path) -> None:
    _, front, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["name"] == (path.parent.name if path.name == "SKILL.md" else path.stem)
    assert " Use it " in told["description"]
    assert told.keys() <= {"name", "description", "tools"}


@pytest.mark.parametrize("path", SKILLS, ids=lambda path: str(path.parent.name))
def test_a_skill_ends_in_a_check(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("```\n")
    assert "uv run pytest" in " ".join(commands(text.split("It is done when")[1]))


def test_there_is_a_skill_for_each_common_job() -> None:
    assert {path.parent.name for path in SKILLS} == JOBS


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
def test_a_check_is_found(check: str) -> None:
    assert is_there(check, TEXTS)


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
def test_a_check_that_is_not_there_is_seen(check: str) -> None:
    assert not is_there(check, TEXTS)


def test_a_rule_without_a_check_is_seen() -> None:
    page = "\n## Rules\n\nEach.\n\n- Do not. (`ruff\n  T201`)\n- Do.\n\n## Other\n\n- More.\n"
    assert rules(page) == [("Do not.", "ruff T201"), ("- Do.", "")]
    assert unfounded(TEXTS | {PAGE: page}) == ["- Do."]
