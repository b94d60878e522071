"""The report of a run shows progress, the state of each service, and a picture of the matrix."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from rich.console import Console

from tests.harness.checks import progress
from tests.harness.checks.checks import BUILT, QUICK, REQUESTS
from tests.harness.checks.picture import COLOURS, Field, draw
from tests.harness.checks.progress import Meter
from tests.harness.checks.report import duration, state
from tests.harness.checks.runner import CheckResult, Usage
from tests.harness.combinations.questions import Questionnaire
from tests.harness.combinations.rendering import File
from tests.harness.combinations.services import Service
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.checks.picture import State

QUESTIONS: dict[str, dict[str, Any]] = {
    "database": {"type": "str", "choices": ["postgresql", "sqlite"], "default": "postgresql"},
    "features": {"type": "str", "multiselect": True, "choices": ["cache", "email", "files"], "default": []},
}
WORST = {"database": "sqlite", "features": ["cache", "files"]}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def image() -> Element:
    """Return a parsed SVG picture with one failed service and one that was not checked."""
    questionnaire = Questionnaire(QUESTIONS, ())
    fields = {questionnaire.label(answers): Field(answers, "passed", 1.25) for answers in questionnaire.combinations()}
    fields[questionnaire.label(WORST)] = Field(WORST, "failed", 2.0, ("types", "suite"))
    fields["sqlite-no-features"] = Field({"database": "sqlite", "features": []}, "not checked", 0)
    return fromstring(draw(questionnaire, fields, ["16 combinations", "9 files"]))  # noqa: S314 - our own


def texts(image: Element, kind: str) -> list[str]:
    return [element.text or "" for element in image.iter(f"{SVG}{kind}")]


def test_picture_has_field_per_service(image: Element) -> None:
    titles = texts(image, "title")
    assert titles[0] == "16 combinations"
    assert len(titles) == 1 + 2 * 2**3
    assert "sqlite-cache+files: failed (types, suite), 2.0 s" in titles
    assert "postgresql-no-features: passed, 1.2 s" in titles
    assert "sqlite-no-features: not checked" in titles


def test_failed_service_has_cross_in_picture(image: Element) -> None:
    assert len(list(image.iter(f"{SVG}path"))) == 1


def test_picture_fields_have_distinct_positions(image: Element) -> None:
    places = [(field[1].get("x"), field[1].get("y")) for field in image.iter(f"{SVG}g")]
    assert len(set(places)) == len(places) == 2 * 2**3


def test_answer_without_service_has_no_row_in_picture() -> None:
    questionnaire = Questionnaire(QUESTIONS, ())
    only = {"database": "sqlite", "features": []}
    drawn = fromstring(draw(questionnaire, {questionnaire.label(only): Field(only, "passed", 1)}, ["one"]))  # noqa: S314 - our own
    assert {"sqlite"} == {"sqlite", "postgresql"} & set(texts(drawn, "text"))


def test_picture_has_headings_and_legend(image: Element) -> None:
    words = texts(image, "text")
    assert {"16 combinations", "9 files", "postgresql", "sqlite", "no-features", "cache+email+files"} <= set(words)
    assert {"14 passed", "0 cached", "1 failed", "1 not checked"} <= set(words)


def test_picture_fields_are_within_view_box(image: Element) -> None:
    _, _, width, height = map(float, image.attrib["viewBox"].split())
    for field in image.iter(f"{SVG}g"):
        assert 0 <= float(field[1].attrib["x"]) <= width - float(field[1].attrib["width"])
        assert 0 <= float(field[1].attrib["y"]) <= height - float(field[1].attrib["height"])


def test_service_states_have_distinct_colours() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)


def result(tmp_path: Path, *, passed: bool, cached: bool = False) -> CheckResult:
    service = Service("x", {}, tmp_path, {"a": File(b"", executable=False)})
    return CheckResult(service, QUICK if passed else REQUESTS, Usage(1, 1, 1), code=int(not passed), cached=cached)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([], "not checked"),
        ([(True, True), (True, True)], "cached"),
        ([(True, True), (True, False)], "passed"),
        ([(True, True), (False, False), (True, False)], "failed"),
    ],
)
def test_service_state_follows_its_checks(ends: list[tuple[bool, bool]], expected: State, tmp_path: Path) -> None:
    assert state([result(tmp_path, passed=passed, cached=cached) for passed, cached in ends]) == expected


def test_built_service_does_not_count_as_passed(tmp_path: Path) -> None:
    built = replace(result(tmp_path, passed=True), check=BUILT)
    assert state([built]) == "built"
    assert state([built, result(tmp_path, passed=True)]) == "passed"
    assert state([replace(built, code=1)]) == "failed"


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s")])
def test_duration_is_formatted_as_minutes_and_seconds(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def meter_output(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """Return the output of a progress meter."""
    output = io.StringIO()
    monkeypatch.setattr(progress, "LOG_INTERVAL", 0)
    meter = Meter(Console(file=output, force_terminal=terminal, width=80), "Rendering", nullcontext)
    with meter.shown():
        assert list(meter.each("abcd", 8)) == list("abcd")
    return output.getvalue()


def test_log_has_progress_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in meter_output(monkeypatch, terminal=False).splitlines() if line]
    assert lines[0].startswith("Rendering: 1 of 8")
    assert lines[-1].startswith("Rendering: 4 of 8, ")
    assert lines[-1].endswith(" s left")


def test_terminal_shows_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "4/8" in meter_output(monkeypatch, terminal=True)


def test_progress_is_shown_although_pytest_captures_output() -> None:
    """Run pytest in a pseudo-terminal."""
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"{ROOT}/tests/matrix/test_domains.py",
    ]
    with subprocess.Popen(
        [*command, "--domains=1", "-k", "random_domain and format"],  # long enough to show progress
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b"".join(iter(partial(read, ours), b"")).decode()
    os.close(ours)
    assert {"1", "2", "3"} <= set(re.findall(r"Rendering domains [^\n]*?(\d+)/\d+", shown))
    assert "1 passed" in shown


def read(terminal: int) -> bytes:
    """Read from a pseudo-terminal; empty when its other end is closed, which Linux reports as EIO."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""
