"""Rendered modules are formatted by ruff, which is found beside Copier, on PATH or by uv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from copier.errors import UserMessageError
from jinja2 import DictLoader, Environment

from extensions.slipway_template import formatting
from extensions.slipway_template.catalogue import SERVICE
from extensions.slipway_template.formatting import CONFIG, REQUIREMENT, find_ruff, format_modules
from tests.harness.findings import run

if TYPE_CHECKING:
    from pathlib import Path

LONG = ", ".join(f"argument_{number}: int" for number in range(9))


def format_module(source: str) -> str:
    return format_modules([source])[source]


@pytest.mark.parametrize(
    ("source", "formatted"),
    [
        ("import json\nimport ast\nast.parse('1')\n", 'import ast\n\nast.parse("1")\n'),
        (
            "from app.errors import NotFound, Conflict\nraise NotFound\n",
            "from app.errors import NotFound\n\nraise NotFound\n",
        ),
        ("x = 1\n\n\n\n\ndef f(): return x\n", "x = 1\n\n\ndef f():\n    return x\n"),
        ("x = ['a', 'b']", 'x = ["a", "b"]\n'),
        ("", ""),
    ],
    ids=["unused import", "unused name", "blank lines", "quotes", "empty"],
)
def test_rendered_module_is_formatted(source: str, formatted: str) -> None:
    assert format_module(source) == formatted


def test_import_is_one_line_after_unused_names_are_removed() -> None:
    names = [f"Name{number}" for number in range(20)]
    source = f"from app.errors import {', '.join(names)}\nprint(Name1, Name2)\n"
    assert format_module(source) == "from app.errors import Name1, Name2\n\nprint(Name1, Name2)\n"


@pytest.mark.parametrize("source", [f"def f({LONG}): ...\n", "x = '産' * 9\n", "import b\nimport a\nb, a\n"])
def test_formatted_module_passes_linter(source: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(format_module(source), encoding="utf-8")
    assert not run("ruff", "format", "--check", "--config", CONFIG, "--no-cache", tmp_path)
    assert not run("ruff", "check", "--select", "I,F401", "--config", CONFIG, "--no-cache", tmp_path)


def test_module_with_syntax_error_is_reported_with_line() -> None:
    with pytest.raises(UserMessageError, match=r"^ruff format: .*:2:4"):
        format_module("x = 1\ndef\n")


def test_several_modules_are_formatted_in_one_call() -> None:
    sources = ["x = 'a'", "import ast", "x = 'a'"]
    assert format_modules(sources) == {"x = 'a'": 'x = "a"\n', "import ast": ""}


TEMPLATE = "{%- filter module -%}\nname = '{{ resource.name }}'\n{%- endfilter -%}"


def test_all_resource_modules_are_formatted_by_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    format_all = formatting.format_modules

    def format_recorded(sources: list[str]) -> dict[str, str]:
        calls.append(sources)
        return format_all(sources)

    monkeypatch.setattr(formatting, "format_modules", format_recorded)
    monkeypatch.setattr(formatting, "FORMATTED", {})
    environment = Environment(autoescape=False, loader=DictLoader({"model": TEMPLATE}))  # noqa: S701 - Python, not HTML
    environment.filters["module"] = formatting.module
    resources = [{"name": "room"}, {"name": "stay"}]
    texts = [
        environment.get_template("model").render(plan={"resources": resources}, resource=each) for each in resources
    ]
    assert texts == ['name = "room"\n', 'name = "stay"\n']
    assert len(calls) == 1


# ── Where ruff is found ───────────────────────────────────────────────────────────────────────────


def write_ruff(directory: Path, version: str) -> str:
    """Create an executable that prints the given version of ruff."""
    directory.mkdir()
    program = directory / "ruff"
    program.write_text(f"#!/bin/sh\necho ruff {version}\n", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_ruff_requirement_equals_service_requirement() -> None:
    assert REQUIREMENT in SERVICE.lint


def find_again() -> str:
    return find_ruff.__wrapped__()


def test_ruff_beside_copier_is_found_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside = write_ruff(tmp_path / "beside", "0.17.9")
    write_ruff(tmp_path / "path", "0.17.8")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    assert find_again() == beside


def test_ruff_with_other_version_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_ruff(tmp_path / "beside", "0.4.1")
    executable = write_ruff(tmp_path / "path", "0.17.8")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    assert find_again() == executable


def test_missing_ruff_is_installed_by_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    version = subprocess.run([find_again(), "--version"], check=True, capture_output=True, text=True).stdout
    assert version.startswith("ruff 0.17.")


def test_missing_ruff_without_uv_is_reported_with_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UserMessageError, match=r"^ruff>=0\.17\.\d+,<0\.18 formats the service, and is missing: add --with"
    ):
        find_again()
