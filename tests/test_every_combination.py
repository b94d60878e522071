"""What holds for the service of every combination, whatever is in it."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
import yaml

from extensions.catalogue import omitted
from tests.harness.rendering import render, tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.services import Service

ANSWERS = ".copier-answers.yml"
LEFT_OVER = re.compile(r"(?<!\$)\{\{|\{%|\{#")
MAY_BE_EMPTY = ("__init__.py", "py.typed", ".gitkeep")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)#\s]+)[^)]*\)")


def left_over(text: str) -> list[str]:
    """List the lines in which a piece of Jinja stands; `${{ … }}` is GitHub's."""
    return [line for line in text.splitlines() if LEFT_OVER.search(line)]


def words(path: str) -> set[str]:
    """Split a path into the words by which a feature owns it."""
    return set(re.split(r"[^a-z0-9]+", path.lower()))


def broken_links(path: str, text: str, paths: set[str]) -> list[str]:
    """List the relative links of a page at `path` that lead to no file or directory of the service."""
    targets = (match["target"] for match in LINK.finditer(text))
    relative = (target for target in targets if "://" not in target and not target.startswith("mailto:"))
    return [target for target in relative if not leads_somewhere(PurePosixPath(path).parent / target, paths)]


def leads_somewhere(target: PurePosixPath, paths: set[str]) -> bool:
    normal = posixpath.normpath(target)
    return any(PurePosixPath(path).is_relative_to(normal) for path in paths)


def test_no_jinja_is_left_over(service: Service) -> None:
    found = {path: left_over(file.content.decode()) for path, file in service.files.items()}
    assert not {path: lines for path, lines in found.items() if lines}


def test_no_file_is_empty_by_accident(service: Service) -> None:
    empty = [path for path, file in service.files.items() if not file.content.strip()]
    assert [path for path in empty if not path.endswith(MAY_BE_EMPTY)] == []


def test_an_omitted_feature_leaves_no_path(service: Service) -> None:
    names = set(omitted(frozenset(map(str, service.answers.values()))))
    assert [path for path in service.files if words(path) & names] == []


def test_links_lead_somewhere(service: Service) -> None:
    pages = {path: file.content.decode() for path, file in service.files.items() if path.endswith(".md")}
    broken = {path: broken_links(path, text, set(service.files)) for path, text in pages.items()}
    assert not {path: targets for path, targets in broken.items() if targets}


def test_recorded_answers_give_the_same_bytes_elsewhere(service: Service, template: Path, empty: Path) -> None:
    recorded = yaml.safe_load(service.files[ANSWERS].content)
    answers = {name: value for name, value in recorded.items() if not name.startswith("_")}
    assert answers == service.answers
    destination = empty / "a name that no other service has"
    render(template, destination, answers)
    assert tree(destination) == service.files


@pytest.mark.parametrize("line", ["title = {{ plan.title }}", "{% for x in y %}", "{# why #}", "${{ a }} {{ b }}"])
def test_left_over_jinja_is_seen(line: str) -> None:
    assert left_over(f"first\n{line}\n") == [line]


def test_an_expression_of_github_is_not_jinja() -> None:
    assert left_over("group: ${{ github.ref }}") == []


def test_a_broken_link_is_seen() -> None:
    text = "[a](other.md) [b](../app) [c](https://example.org) [d](missing.md#part) ![e](missing.svg)"
    assert broken_links("docs/page.md", text, {"docs/other.md", "app/main.py"}) == ["missing.md"]
