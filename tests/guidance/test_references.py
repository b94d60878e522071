"""What the pages, pipelines and comments of a service point at is there: links, headings, paths, commands."""

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
    paths=frozenset({"tests/test_health.py", "tests/drills/test_load.py"}),
)


def tell(services: list[Service], find: Callable[[Texts], list[str]]) -> str:
    """Gather what is found in each service, a line for each that something is found in."""
    read = ((each.label, {path: file.text for path, file in each.files.items()}) for each in services)
    return format_findings({label: find(texts) for label, texts in read})


def pages(texts: Texts) -> Texts:
    return {path: text for path, text in texts.items() if path.endswith(".md")}


def links(texts: Texts) -> list[str]:
    paths = set(texts)
    return [f"{path}: {link}" for path, text in pages(texts).items() for link in broken_links(path, text, paths)]


def parts(texts: Texts) -> list[str]:
    there = pages(texts)
    return [f"{path}: {link}" for path in there for link in broken_anchors(path, there)]


def beside(path: str, paths: set[str]) -> set[str]:
    """Name files as manifests do, which name those of their own directory."""
    directory = f"{PurePosixPath(path).parent}/"
    return {each.removeprefix(directory) for each in paths} if path.startswith("deploy/") else set()


def named(texts: Texts) -> list[str]:
    paths = set(texts)
    return [
        f"{path}: {name}" for path, text in texts.items() for name in missing_paths(text, paths | beside(path, paths))
    ]


def commands(texts: Texts) -> list[str]:
    known = runnable(texts)
    return [f"{path}: uv run {command}" for path, text in texts.items() for command in unknown_commands(text, known)]


def test_links_lead_somewhere(services: list[Service]) -> None:
    assert_no_findings(tell(services, links))


def test_links_lead_to_parts_that_exist(services: list[Service]) -> None:
    assert_no_findings(tell(services, parts))


def test_paths_that_are_named_exist(services: list[Service]) -> None:
    assert_no_findings(tell(services, named))


def test_commands_that_are_named_exist(services: list[Service]) -> None:
    assert_no_findings(tell(services, commands))


def test_a_broken_link_is_seen() -> None:
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
def test_a_part_is_called_as_github_calls_it(title: str, anchor: str) -> None:
    assert anchors(f"{title}\n\nText.\n") == {anchor}


def test_parts_of_one_name_are_numbered() -> None:
    assert anchors("# A\n\n## B\n\n## B\n\n## B\n") == {"a", "b", "b-1", "b-2"}


def test_a_comment_in_a_fence_is_no_part() -> None:
    assert anchors("# A\n\n```sh\n# B\n```\n\n## C\n") == {"a", "c"}


def test_a_link_to_a_missing_part_is_seen() -> None:
    there = {
        "README.md": "# Top\n\n[a](#top) [b](#bottom) [c](docs/page.md#part) [d](docs/page.md#top) [e](app/main.py#L3)",
        "docs/page.md": "# Page\n\n## Part\n\n[f](../README.md#part)",
    }
    assert broken_anchors("README.md", there) == ["README.md#bottom", "docs/page.md#top"]
    assert broken_anchors("docs/page.md", there) == ["README.md#part"]


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
def test_a_path_that_does_not_exist_is_seen(text: str, missing: list[str]) -> None:
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
def test_an_unknown_command_is_seen(command: str, text: str) -> None:
    assert unknown_commands(text.format(command), RUNNABLE) == [command]


@pytest.mark.parametrize(
    "command",
    [
        "app dev --port 9000",
        "--no-sync app dev",
        "app dev.",
        "ruff check --fix",
        'pytest -n auto -m "not drill"',
        "pytest tests/drills tests/test_health.py::test_live",
    ],
)
def test_a_known_command_is_known(command: str) -> None:
    assert unknown_commands(f"uv run {command}", RUNNABLE) == []


def test_what_a_service_can_run_is_found_out() -> None:
    project = """\
    [project]
    dependencies = ["uvicorn>=0", "uvloop ; sys_platform == 'nowhere'"]
    [dependency-groups]
    test = ["pytest", { include-group = "other" }]
    [tool.pytest]
    markers = ["drill: slow"]
    """
    main = "def dev(): ...\nadd(dev).add_argument('--port')\n"
    other = 'command(all, "update", run).add_argument("--to")'
    known = runnable({"pyproject.toml": project, "app/__main__.py": main, "template/commands.py": other})
    assert {"python", "uvicorn", "pytest"} <= known.tools
    assert known.tools.isdisjoint({"ruff", "mypy"})
    assert known.marks == {"drill"}
    assert known.programs["app"] == Program(frozenset({"dev"}), frozenset({"--port"}))
    assert known.programs["template"] == Program(frozenset({"update"}), frozenset({"--to"}))
