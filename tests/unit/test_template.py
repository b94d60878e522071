"""Files under `template/` obey rules: no branches in shared files, no values that change, no user files."""

from __future__ import annotations

import re

import pytest
from copier._jinja_ext import YieldExtension
from jinja2 import Environment, nodes

from extensions.slipway_template.questionnaire import read_questionnaire
from tests.harness.combinations.facts import LOOP
from tests.harness.workspace import ROOT, template_files, work_tree

ANSWERS = "{{ _copier_conf.answers_file }}.jinja"
BRANCHES = (nodes.If, nodes.CondExpr)
# Volatile by day or machine: an update would find a change where there is none.
CHANGING = {"now", "strftime", "random", "ans_random", "shuffle", "_folder_name", "_copier_python", "dst_path"}
# `filecmp.dircmp`, with which Copier finds files to remove, ignores these.
IGNORED = {"RCS", "CVS", "tags", ".git", ".hg", ".bzr", "_darcs", "__pycache__"}
OWNED_BY_THE_USER = re.compile(r"(^|/)(\.env|[^/]*\.lock|[^/]*-lock\.(json|yaml))$")
# Spelt so that the pattern does not find itself.
REGISTRY = re.compile(rb"(py[p]i|python[h]osted|npm[j]s|yarn[p]kg)\.(org|com)")


FILES = template_files()
RENDERED = {name: path.read_text(encoding="utf-8") for name, path in FILES.items() if name.endswith(".jinja")}
# The files that exist once per resource may branch on facts about it.
OF_RESOURCES = [name for name in RENDERED if LOOP.search(name)]
SHARED = [name for name in RENDERED if name not in OF_RESOURCES]


def parsed(source: str) -> nodes.Template:
    return Environment(autoescape=True, extensions=[YieldExtension]).parse(source)


def branches(source: str) -> list[int]:
    """Return the line numbers of Jinja conditions in a template."""
    return [node.lineno for node in parsed(source).find_all(BRANCHES)]


def changing_values(source: str) -> set[str]:
    """Return the names in a template whose values change between renderings."""
    template = parsed(source)
    names = {node.name for node in template.find_all(nodes.Name)}
    filters = {node.name for node in template.find_all(nodes.Filter)}
    attributes = {node.attr for node in template.find_all(nodes.Getattr)}
    return CHANGING & (names | filters | attributes)


@pytest.mark.parametrize("name", SHARED)
def test_shared_template_file_has_no_jinja_conditions(name: str) -> None:
    assert branches(RENDERED[name]) == []


@pytest.mark.parametrize("name", OF_RESOURCES)
def test_resource_template_file_has_no_conditional_expressions(name: str) -> None:
    """Such files use `{% if %}` statements, which stand beside the code that they decide about."""
    assert list(parsed(RENDERED[name]).find_all(nodes.CondExpr)) == []


@pytest.mark.parametrize("name", RENDERED)
def test_template_file_reads_no_changing_values(name: str) -> None:
    assert changing_values(RENDERED[name]) == set()


@pytest.mark.parametrize("name", RENDERED)
def test_file_with_jinja_suffix_has_jinja_expression(name: str) -> None:
    """A file without Jinja needs no `.jinja` suffix, and linters can check it in place."""
    assert parsed(RENDERED[name]).find(nodes.Name)


def test_template_file_names_have_no_jinja() -> None:
    """The answers file and the files that exist once per resource are excluded."""
    assert [name for name in FILES if re.search(r"[{}%]", LOOP.sub("resource", name))] == [ANSWERS]


def test_template_has_no_file_that_updates_ignore() -> None:
    assert [name for name in FILES if IGNORED & set(name.split("/"))] == []


def test_template_has_no_user_files() -> None:
    assert [name for name in FILES if OWNED_BY_THE_USER.search(name.removesuffix(".jinja"))] == []


def test_template_has_no_symlinks() -> None:
    assert [name for name, path in FILES.items() if path.is_symlink()] == []


def test_template_has_no_binary_files() -> None:
    assert [name for name, path in FILES.items() if b"\0" in path.read_bytes()] == []


def test_template_runs_commands_only_in_copier_migrations() -> None:
    assert "_tasks" not in read_questionnaire(ROOT)
    [[python, script, _]] = read_questionnaire(ROOT)["_migrations"]
    assert (python, "follow.py" in script) == ("{{ _copier_python }}", True)


def test_repository_names_no_package_registry() -> None:
    """Users of a mirror configure it once, in uv."""
    assert [str(path) for path in work_tree() if REGISTRY.search((ROOT / path).read_bytes())] == []


@pytest.mark.parametrize("source", ["{% if a %}b{% endif %}", "{%- if a -%}b{% endif %}", "{{ a if b else c }}"])
def test_jinja_condition_is_detected(source: str) -> None:
    assert branches(source) == [1]


@pytest.mark.parametrize("source", ["{{ now() }}", "{{ '%Y' | strftime }}", "{{ _copier_conf.dst_path }}"])
def test_changing_value_in_template_is_detected(source: str) -> None:
    assert changing_values(source)


@pytest.mark.parametrize("name", [".env", "uv.lock", "docs/package-lock.json"])
def test_user_file_in_template_is_detected(name: str) -> None:
    assert OWNED_BY_THE_USER.search(name)
