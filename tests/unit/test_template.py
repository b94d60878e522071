"""The rules of the template itself: what may not stand under `template/`, whatever it would render to."""

from __future__ import annotations

import re

import pytest
from copier._jinja_ext import YieldExtension
from jinja2 import Environment, nodes

from extensions.questionnaire import described
from tests.harness.combinations.facts import LOOP
from tests.harness.workspace import ROOT, in_template, work_tree

ANSWERS = "{{ _copier_conf.answers_file }}.jinja"
BRANCHES = (nodes.If, nodes.CondExpr)
# They differ from day to day or from machine to machine, so an update would find a change where there is none.
CHANGING = {"now", "strftime", "random", "ans_random", "shuffle", "_folder_name", "_copier_python", "dst_path"}
# `filecmp.dircmp`, by which Copier finds what to remove, does not see these.
UNSEEN = {"RCS", "CVS", "tags", ".git", ".hg", ".bzr", "_darcs", "__pycache__"}
OWNED_BY_THE_USER = re.compile(r"(^|/)(\.env|[^/]*\.lock|[^/]*-lock\.(json|yaml))$")
# Spelt so that the pattern does not find itself.
REGISTRY = re.compile(rb"(py[p]i|python[h]osted|npm[j]s|yarn[p]kg)\.(org|com)")


FILES = in_template()
RENDERED = {name: path.read_text(encoding="utf-8") for name, path in FILES.items() if name.endswith(".jinja")}


def parsed(source: str) -> nodes.Template:
    return Environment(autoescape=True, extensions=[YieldExtension]).parse(source)


def branches(source: str) -> list[int]:
    """List the lines at which a template decides something itself."""
    return [node.lineno for node in parsed(source).find_all(BRANCHES)]


def changing(source: str) -> set[str]:
    """Name what a template prints that differs from one rendering to the next."""
    template = parsed(source)
    names = {node.name for node in template.find_all(nodes.Name)}
    filters = {node.name for node in template.find_all(nodes.Filter)}
    attributes = {node.attr for node in template.find_all(nodes.Getattr)}
    return CHANGING & (names | filters | attributes)


@pytest.mark.parametrize("name", RENDERED)
def test_nothing_branches(name: str) -> None:
    assert branches(RENDERED[name]) == []


@pytest.mark.parametrize("name", RENDERED)
def test_nothing_changes_by_itself(name: str) -> None:
    assert changing(RENDERED[name]) == set()


@pytest.mark.parametrize("name", RENDERED)
def test_what_is_rendered_prints_something(name: str) -> None:
    """A file without Jinja needs no suffix, and is linted and read where it lies."""
    assert parsed(RENDERED[name]).find(nodes.Name)


def test_names_are_plain() -> None:
    """But for the record of the answers, and the layers of the resources, which have a file for each."""
    assert [name for name in FILES if re.search(r"[{}%]", LOOP.sub("resource", name))] == [ANSWERS]


def test_nothing_stands_under_a_name_that_updates_do_not_see() -> None:
    assert [name for name in FILES if UNSEEN & set(name.split("/"))] == []


def test_what_belongs_to_the_user_is_not_shipped() -> None:
    assert [name for name in FILES if OWNED_BY_THE_USER.search(name.removesuffix(".jinja"))] == []


def test_there_are_no_links() -> None:
    assert [name for name, path in FILES.items() if path.is_symlink()] == []


def test_there_are_no_binaries() -> None:
    assert [name for name, path in FILES.items() if b"\0" in path.read_bytes()] == []


def test_copier_runs_no_command_but_after_an_update() -> None:
    assert "_tasks" not in described(ROOT)
    [[python, script, _]] = described(ROOT)["_migrations"]
    assert (python, "follow.py" in script) == ("{{ _copier_python }}", True)


def test_no_registry_is_named() -> None:
    """Whoever works behind a mirror names it once, for uv, and finds no other name in the way."""
    assert [str(path) for path in work_tree() if REGISTRY.search((ROOT / path).read_bytes())] == []


@pytest.mark.parametrize("source", ["{% if a %}b{% endif %}", "{%- if a -%}b{% endif %}", "{{ a if b else c }}"])
def test_a_branch_is_seen(source: str) -> None:
    assert branches(source) == [1]


@pytest.mark.parametrize("source", ["{{ now() }}", "{{ '%Y' | strftime }}", "{{ _copier_conf.dst_path }}"])
def test_a_changing_value_is_seen(source: str) -> None:
    assert changing(source)


@pytest.mark.parametrize("name", [".env", "uv.lock", "docs/package-lock.json"])
def test_a_file_of_the_user_is_seen(name: str) -> None:
    assert OWNED_BY_THE_USER.search(name)
