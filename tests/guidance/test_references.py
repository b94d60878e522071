"""Every link, anchor, path and command that a service's pages, pipelines and comments mention exists."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.harness.findings import assert_no_findings, format_findings
from tests.harness.readme.commands import Program, Runnable, runnable, unknown_commands
from tests.harness.readme.links import anchors, broken_anchors, broken_links, missing_paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.services import Service

    Texts = dict[str, str]

RUNNABLE = Runnable(
    tools=frozenset({"pytest", "ruff"}),
    programs={"app": Program(frozenset({"dev"}), frozenset({"--port"}))},
    marks=frozenset({"drill"}),
    paths=frozenset({"tests/server/test_health.py", "tests/drills/test_load.py"}),
)


def findings(services: list[Service], find: Callable[[Texts], list[str]]) -> str:
    """Run a function on each service's files; return one line for each service with findings."""
    texts_of = ((each.label, {path: file.text for path, file in each.files.items()}) for each in services)
    return format_findings({label: find(texts) for label, texts in texts_of})


def pages(texts: Texts) -> Texts:
    return {path: text for path, text in texts.items() if path.endswith(".md")}


def links_without_target(texts: Texts) -> list[str]:
    paths = set(texts)
    return [f"{path}: {link}" for path, text in pages(texts).items() for link in broken_links(path, text, paths)]


def links_without_anchor(texts: Texts) -> list[str]:
    by_path = pages(texts)
    return [f"{path}: {link}" for path in by_path for link in broken_anchors(path, by_path)]


def siblings(path: str, paths: set[str]) -> set[str]:
    """Return the names of files beside a manifest, by which it refers to them; empty for other files."""
    directory = f"{PurePosixPath(path).parent}/"
    return {each.removeprefix(directory) for each in paths} if path.startswith("deploy/") else set()


def unknown_paths(texts: Texts) -> list[str]:
    paths = set(texts)
    return [
        f"{path}: {name}" for path, text in texts.items() for name in missing_paths(text, paths | siblings(path, paths))
    ]


def unknown_uv_commands(texts: Texts) -> list[str]:
    known = runnable(texts)
    return [f"{path}: uv run {command}" for path, text in texts.items() for command in unknown_commands(text, known)]


def test_link_targets_in_pages_exist(services: list[Service]) -> None:
    assert_no_findings(findings(services, links_without_target))


def test_link_anchors_in_pages_exist(services: list[Service]) -> None:
    assert_no_findings(findings(services, links_without_anchor))


def test_paths_mentioned_in_service_exist(services: list[Service]) -> None:
    assert_no_findings(findings(services, unknown_paths))


def test_uv_run_commands_in_service_exist(services: list[Service]) -> None:
    assert_no_findings(findings(services, unknown_uv_commands))


def test_broken_link_is_detected() -> None:
    text = "[a](other.md) [b](../app) [c](https://example.org) [d](missing.md#part) ![e](missing.svg)"
    assert broken_links("docs/page.md", text, {"docs/other.md", "app/main.py"}) == ["missing.md"]


@pytest.mark.parametrize(
    ("title", "anchor"),
    [
        ("# How to add", "how-to-add"),
        ("## When it's wrong: what to do? ##", "when-its-wrong-what-to-do"),
        ("### `app/__main__.py` & co.", "app__main__py--co"),
        ("# *Two* _words_ snake_case", "two-words-snake_case"),
        ("# See [the docs](docs/page.md)", "see-the-docs"),
        ("# Über größere Zahlen", "über-größere-zahlen"),
    ],
)
def test_heading_anchor_equals_github_anchor(title: str, anchor: str) -> None:
    assert anchors(f"{title}\n\nText.\n") == {anchor}


def test_duplicate_page_anchors_are_numbered() -> None:
    assert anchors("# A\n\n## B\n\n## B\n\n## B\n") == {"a", "b", "b-1", "b-2"}


def test_comment_in_fenced_block_is_not_a_heading() -> None:
    assert anchors("# A\n\n```sh\n# B\n```\n\n## C\n") == {"a", "c"}


def test_broken_anchor_is_detected() -> None:
    by_path = {
        "README.md": "# Top\n\n[a](#top) [b](#bottom) [c](docs/page.md#part) [d](docs/page.md#top) [e](app/main.py#L3)",
        "docs/page.md": "# Page\n\n## Part\n\n[f](../README.md#part)",
    }
    assert broken_anchors("README.md", by_path) == ["README.md#bottom", "docs/page.md#top"]
    assert broken_anchors("docs/page.md", by_path) == ["README.md#part"]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("See `app/main.py` and app/other.py.", ["app/other.py"]),
        ("`app/routers/`, `app/cache/`", ["app/cache/"]),
        ("all of `app/*.py`, `app/<name>.py`, `app/routers/**`; none of `tests/test_*.py`", ["tests/test_*.py"]),
        ("`compose.yml`, `.env.example`, `Dockerfile`", ["compose.yml", ".env.example", "Dockerfile"]),
        ("/srv/app/other.py, {ROOT}/app/other.py, https://example.org/docs/other", []),
        ("```text\napp/\n  main.py   all\n  routers/  HTTP\n    item.py\n  other.py  none\n```\n", ["app/other.py"]),
    ],
)
def test_mentioned_path_that_is_missing_is_detected(text: str, missing: list[str]) -> None:
    assert missing_paths(text, {"app/main.py", "app/routers/item.py"}) == missing


@pytest.mark.parametrize(
    "command",
    [
        "app start",
        "app dev --sql",
        "black",
        "pytest tests/test_orders.py",
        "pytest tests/drills/test_health.py::test_live",
        "pytest -m drills",
    ],
)
@pytest.mark.parametrize(
    "text", ["`uv run {}`", "```console\nuv run {}\n```", "- run: uv run {}\n", "| `uv run {}` | x |"]
)
def test_unknown_uv_run_command_is_detected(command: str, text: str) -> None:
    assert unknown_commands(text.format(command), RUNNABLE) == [command]


@pytest.mark.parametrize(
    "command",
    [
        "app dev --port 9000",
        "--no-sync app dev",
        "app dev.",
        "ruff check --fix",
        'pytest -n auto -m "not drill"',
        "pytest tests/drills tests/server/test_health.py::test_live",
    ],
)
def test_known_uv_run_command_is_accepted(command: str) -> None:
    assert unknown_commands(f"uv run {command}", RUNNABLE) == []


def test_commands_that_uv_run_accepts_are_parsed() -> None:
    project = """\
    [project]
    dependencies = ["uvicorn>=0", "uvloop ; sys_platform == 'nowhere'"]
    [dependency-groups]
    test = ["pytest", { include-group = "other" }]
    [tool.pytest]
    markers = ["drill: slow"]
    """
    main = "def dev(): ...\nadd(dev).add_argument('--port')\n"
    known = runnable({"pyproject.toml": project, "app/__main__.py": main})
    assert {"python", "uvicorn", "pytest"} <= known.tools
    assert known.tools.isdisjoint({"ruff", "mypy"})
    assert known.marks == {"drill"}
    assert known.programs["app"] == Program(frozenset({"dev"}), frozenset({"--help", "--port"}))
    assert {"add", "status", "update"} <= known.programs["slipway.py"].commands
    assert {"--to", "--data"} <= known.programs["slipway.py"].options
