"""What a run tells: how far it is, what it has proven, and a picture of it."""

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
from tests.harness.checks.checks import BUILT, QUICK, WHOLE
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

ASKED: dict[str, dict[str, Any]] = {
    "database": {"type": "str", "choices": ["postgresql", "sqlite"], "default": "postgresql"},
    "features": {"type": "str", "multiselect": True, "choices": ["cache", "email", "files"], "default": []},
}
WORST = {"database": "sqlite", "features": ["cache", "files"]}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def image() -> Element:
    """A picture in which one service failed, and one was not checked."""
    asked = Questionnaire(ASKED, ())
    fields = {asked.label(answers): Field(answers, "passed", 1.25) for answers in asked.combinations()}
    fields[asked.label(WORST)] = Field(WORST, "failed", 2.0, ("types", "suite"))
    fields["sqlite-no-features"] = Field({"database": "sqlite", "features": []}, "not checked", 0)
    return fromstring(draw(asked, fields, ["16 combinations", "9 files"]))  # noqa: S314 - our own


def texts(image: Element, kind: str) -> list[str]:
    return [element.text or "" for element in image.iter(f"{SVG}{kind}")]


def test_every_service_has_a_field(image: Element) -> None:
    titles = texts(image, "title")
    assert titles[0] == "16 combinations"
    assert len(titles) == 1 + 2 * 2**3
    assert "sqlite-cache+files: failed (types, suite), 2.0 s" in titles
    assert "postgresql-no-features: passed, 1.2 s" in titles
    assert "sqlite-no-features: not checked" in titles


def test_a_failure_is_seen_without_colours(image: Element) -> None:
    assert len(list(image.iter(f"{SVG}path"))) == 1


def test_no_two_fields_stand_in_one_place(image: Element) -> None:
    places = [(field[1].get("x"), field[1].get("y")) for field in image.iter(f"{SVG}g")]
    assert len(set(places)) == len(places) == 2 * 2**3


def test_what_no_service_answers_has_no_row() -> None:
    asked = Questionnaire(ASKED, ())
    only = {"database": "sqlite", "features": []}
    drawn = fromstring(draw(asked, {asked.label(only): Field(only, "passed", 1)}, ["one"]))  # noqa: S314 - our own
    assert {"sqlite"} == {"sqlite", "postgresql"} & set(texts(drawn, "text"))


def test_the_picture_says_what_it_shows(image: Element) -> None:
    words = texts(image, "text")
    assert {"16 combinations", "9 files", "postgresql", "sqlite", "no-features", "cache+email+files"} <= set(words)
    assert {"14 passed", "0 remembered", "1 failed", "1 not checked"} <= set(words)


def test_every_field_lies_within_the_picture(image: Element) -> None:
    _, _, width, height = map(float, image.attrib["viewBox"].split())
    for field in image.iter(f"{SVG}g"):
        assert 0 <= float(field[1].attrib["x"]) <= width - float(field[1].attrib["width"])
        assert 0 <= float(field[1].attrib["y"]) <= height - float(field[1].attrib["height"])


def test_colours_differ() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)


def result(tmp_path: Path, *, passed: bool, remembered: bool = False) -> CheckResult:
    service = Service("x", {}, tmp_path, {"a": File(b"", executable=False)})
    return CheckResult(service, QUICK if passed else WHOLE, Usage(1, 1, 1), code=int(not passed), remembered=remembered)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([], "not checked"),
        ([(True, True), (True, True)], "remembered"),
        ([(True, True), (True, False)], "passed"),
        ([(True, True), (False, False), (True, False)], "failed"),
    ],
)
def test_one_failure_is_enough(ends: list[tuple[bool, bool]], expected: State, tmp_path: Path) -> None:
    assert state([result(tmp_path, passed=passed, remembered=known) for passed, known in ends]) == expected


def test_a_service_that_is_built_only_is_not_said_to_have_passed(tmp_path: Path) -> None:
    built = replace(result(tmp_path, passed=True), check=BUILT)
    assert state([built]) == "built"
    assert state([built, result(tmp_path, passed=True)]) == "passed"
    assert state([replace(built, code=1)]) == "failed"


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s")])
def test_a_duration_is_said_in_words(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def follow(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """Let a meter be seen at work, and tell what was seen."""
    seen = io.StringIO()
    monkeypatch.setattr(progress, "SILENCE", 0)
    meter = Meter(Console(file=seen, force_terminal=terminal, width=80), "Rendering", nullcontext)
    with meter.shown():
        assert list(meter.each("abcd", 8)) == list("abcd")
    return seen.getvalue()


def test_a_log_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in follow(monkeypatch, terminal=False).splitlines() if line]
    assert lines[0].startswith("Rendering: 1 of 8")
    assert lines[-1].startswith("Rendering: 4 of 8, ")
    assert lines[-1].endswith(" s left")


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "4/8" in follow(monkeypatch, terminal=True)


def test_a_person_sees_it_move() -> None:
    """Through pytest, which keeps what is printed to itself, in a terminal of the test's own."""
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
        [*command, "--domains=1", "-k", "any_domain and format"],  # which is long enough, and no longer
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        seen = b"".join(iter(partial(read, ours), b"")).decode()
    os.close(ours)
    assert {"1", "2", "3"} <= set(re.findall(r"Rendering domains [^\n]*?(\d+)/\d+", seen))
    assert "1 passed" in seen


def read(terminal: int) -> bytes:
    """Read what is there; nothing once nobody writes any more, which Linux tells as an error."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""
