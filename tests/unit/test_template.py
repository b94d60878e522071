"""Rules for the sources under `template/`: no branches in shared files, no volatile values, no binary or user files."""

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
    """Return the line numbers of conditions in a template."""
    return [node.lineno for node in parsed(source).find_all(BRANCHES)]


def changing_values(source: str) -> set[str]:
    """Return the names in a template whose values change between renderings."""
    template = parsed(source)
    names = {node.name for node in template.find_all(nodes.Name)}
    filters = {node.name for node in template.find_all(nodes.Filter)}
    attributes = {node.attr for node in template.find_all(nodes.Getattr)}
    return CHANGING & (names | filters | attributes)


@pytest.mark.parametrize("name", SHARED)
def test_shared_file_has_no_branches(name: str) -> None:
    assert branches(RENDERED[name]) == []


@pytest.mark.parametrize("name", OF_RESOURCES)
def test_file_of_resource_has_statements_as_branches(name: str) -> None:
    """Branches on facts are `{% if %}` statements, which are read beside the code that they decide about."""
    assert list(parsed(RENDERED[name]).find_all(nodes.CondExpr)) == []


@pytest.mark.parametrize("name", RENDERED)
def test_template_output_is_reproducible(name: str) -> None:
    assert changing_values(RENDERED[name]) == set()


@pytest.mark.parametrize("name", RENDERED)
def test_jinja_file_has_expression(name: str) -> None:
    """A file without Jinja needs no suffix, and can be linted in place."""
    assert parsed(RENDERED[name]).find(nodes.Name)


def test_file_names_have_no_jinja() -> None:
    """Except for the answers file and the files that exist once per resource."""
    assert [name for name in FILES if re.search(r"[{}%]", LOOP.sub("resource", name))] == [ANSWERS]


def test_file_names_are_not_ignored_by_updates() -> None:
    assert [name for name in FILES if IGNORED & set(name.split("/"))] == []


def test_user_files_are_not_shipped() -> None:
    assert [name for name in FILES if OWNED_BY_THE_USER.search(name.removesuffix(".jinja"))] == []


def test_template_has_no_symlinks() -> None:
    assert [name for name, path in FILES.items() if path.is_symlink()] == []


def test_template_has_no_binary_files() -> None:
    assert [name for name, path in FILES.items() if b"\0" in path.read_bytes()] == []


def test_only_migrations_run_commands() -> None:
    assert "_tasks" not in read_questionnaire(ROOT)
    [[python, script, _]] = read_questionnaire(ROOT)["_migrations"]
    assert (python, "follow.py" in script) == ("{{ _copier_python }}", True)


def test_no_package_registry_is_named() -> None:
    """Users behind a mirror configure it in uv, once."""
    assert [str(path) for path in work_tree() if REGISTRY.search((ROOT / path).read_bytes())] == []


@pytest.mark.parametrize("source", ["{% if a %}b{% endif %}", "{%- if a -%}b{% endif %}", "{{ a if b else c }}"])
def test_branch_is_detected(source: str) -> None:
    assert branches(source) == [1]


@pytest.mark.parametrize("source", ["{{ now() }}", "{{ '%Y' | strftime }}", "{{ _copier_conf.dst_path }}"])
def test_changing_value_is_detected(source: str) -> None:
    assert changing_values(source)


@pytest.mark.parametrize("name", [".env", "uv.lock", "docs/package-lock.json"])
def test_user_file_is_detected(name: str) -> None:
    assert OWNED_BY_THE_USER.search(name)
