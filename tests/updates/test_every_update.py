"""Every service can be updated, and is then what a fresh copy would be, byte for byte, but for its own migrations.

From a release to the work tree, for each combination; by another answer to each question; and by one release after the
other, as those do who update often.
"""

from __future__ import annotations

import re
import statistics
import tomllib
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment, meta

from tests.harness.checks.report import REPORT
from tests.harness.combinations.facts import LOOP, RECORD
from tests.harness.combinations.questions import all_questions, code_questions
from tests.harness.combinations.render_all import first_batch
from tests.harness.findings import assert_no_findings
from tests.harness.updates.paths import UpdateContext, UpdatePath, flipped, updating_all
from tests.harness.updates.releases import NEXT, is_offered, later, releases
from tests.harness.workspace import ROOT, git, template_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.blobs import Listing, Store
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers
    from tests.harness.updates.paths import UpdateResult
    from tests.harness.updates.releases import Release

HISTORY = "migrations/versions/"  # from its first day on it belongs to the service
FLIPS = 4  # of each combination but the default, which has all of them
SOME = 8  # services that go from release to release
TOLD = 40  # problems


@pytest.fixture(scope="module")
def context(history: Path, workspace: Path, store: Store, matrix: Matrix) -> UpdateContext:
    return UpdateContext(history, workspace, store, matrix)


@pytest.fixture(scope="module")
def expect_arrival(
    pytestconfig: pytest.Config, context: UpdateContext, matrix: Matrix, show: Callable[[str], Meter]
) -> Callable[[str, list[UpdatePath]], None]:
    """Take services on paths, expect each of them to arrive, and tell how long an update takes."""

    def expected(doing: str, paths: list[UpdatePath]) -> None:
        meter = show(doing)
        with updating_all(context) as take_all, meter.shown():
            results = list(meter.each(take_all(paths), len(paths)))
        strayed = [
            f"{update_path}: {problem}"
            for update_path, result in zip(paths, results, strict=True)
            for problem in problems(update_path, result, matrix)
        ]
        assert_no_findings("\n".join(strayed[:TOLD]))
        median = statistics.median(result.seconds for result in results)
        pytestconfig.stash[REPORT].notes.append(f"{doing}: {len(paths)}, {median * 1000:.0f} ms for an update")

    return expected


def without_history(listing: Listing) -> Listing:
    return {path: blob for path, blob in listing.items() if path != RECORD and not path.startswith(HISTORY)}


def problems(update_path: UpdatePath, result: UpdateResult, matrix: Matrix) -> list[str]:
    """List what differs from a fresh copy."""
    wanted = without_history(matrix.compose(matrix.file_facts.combination(update_path.destination)))
    found = without_history(result.listing)
    differing = sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
    recorded = [] if result.recorded == list(update_path.destination.items()) else [f"records {result.recorded}"]
    return [*differing, *recorded, *(f"{path} is in conflict" for path in result.conflicts)]


def update_path(answers: Answers, release: Release, *others: str) -> UpdatePath:
    left_out = frozenset(answers.keys() - release.asked.questions.keys())
    return UpdatePath(answers, (release.tag, *others, NEXT), left_out=left_out)


def from_releases(combinations: list[Answers], *, each: bool) -> list[UpdatePath]:
    """Update each combination from one of the releases that offer it, or from each of them."""
    turn = cycle(range(len(releases())))
    paths = []
    for answers in combinations:
        offering = [release for release in releases() if release.offers(answers)]
        chosen = offering if each else [offering[next(turn) % len(offering)]] if offering else []
        paths += [update_path(answers, release) for release in chosen]
    return paths


def test_an_update_from_a_release_gives_what_a_fresh_copy_gives(
    pytestconfig: pytest.Config, matrix: Matrix, expect_arrival: Callable[[str, list[UpdatePath]], None]
) -> None:
    """Where each answer is given, and each database and domain, from one release; in CI, every combination from one.

    Before a release, every combination from every release. A combination is one of the answers that decide code, with
    all that may surround it in turn.
    """
    size = pytestconfig.option.matrix
    every = [combination.answers for combination in first_batch(matrix)]
    combinations = few() if size == "each" else every
    paths = from_releases(combinations, each=size in {"all", "product"})
    oldest = releases()[0]
    paths += [update_path(answers, oldest) for answers in code_questions().combinations() if oldest.offers(answers)]
    expect_arrival("Updates from releases", paths)


def few() -> list[Answers]:
    return all_questions().covering(1)


def every_flip(combinations: list[Answers]) -> list[UpdatePath]:
    """Change one answer of each combination: of the first in all ways, of others as none before, and in some more."""
    tried: set[str] = set()
    paths = []
    for place, answers in enumerate(combinations):
        found = flipped(answers)
        some = [found[(place * FLIPS + number) % len(found)] for number in range(FLIPS)]
        ways = {repr([(name, answers[name], after) for name, after in flip.items()]): flip for flip in found}
        paths += [
            UpdatePath(answers, (NEXT, NEXT), flip) for way, flip in ways.items() if way not in tried or flip in some
        ]
        tried |= ways.keys()
    return paths


def test_another_answer_gives_what_a_fresh_copy_gives(
    pytestconfig: pytest.Config, expect_arrival: Callable[[str, list[UpdatePath]], None]
) -> None:
    """Each answer to each question instead of each other, where each is given; in CI, where any two meet."""
    some = few() if pytestconfig.option.matrix == "each" else all_questions().covering(2)
    expect_arrival("Other answers", every_flip(some))


@pytest.mark.thorough
def test_one_release_after_the_other_leads_to_the_same(expect_arrival: Callable[[str, list[UpdatePath]], None]) -> None:
    """As an update that leaves them out does."""
    paths = []
    for release in releases():
        between = [each.tag for each in later(release)]
        offered = [answers for answers in code_questions().combinations() if release.offers(answers)]
        some = offered[:: max(1, len(offered) // SOME)] if between else []
        paths += [update_path(answers, release, *between) for answers in some]
    expect_arrival("Release after release", paths)


def taken_over(name: str) -> bool:
    """Say whether the default of another question reads the answer to one that is asked no more."""
    defaults = [str(question["default"]) for question in all_questions().questions.values()]
    return any(
        name in meta.find_undeclared_variables(Environment(autoescape=True).parse(default)) for default in defaults
    )


@pytest.mark.parametrize("release", releases(), ids=str)
def test_what_a_release_asked_and_offered_is_so_still_or_taken_over(release: Release) -> None:
    """Copier forgets an answer that is none any more: `docs/releasing.md` says how to rename one, or to drop it."""
    asked = all_questions().questions
    refused = {
        f"{name}: {answer}" if name in asked else name
        for given in release.asked.covering(1)
        for name, answer in given.items()
        if not (is_offered(asked[name], answer) if name in asked else taken_over(name))
    }
    assert_no_findings("\n".join(sorted(refused)))


def test_each_release_has_its_notes() -> None:
    notes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    told = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", notes, re.MULTILINE)
    assert told[::-1] == [release.version for release in releases()]


@pytest.mark.parametrize("release", releases(), ids=str)
def test_a_path_that_vanished_since_a_release_is_declared(release: Release) -> None:
    """Or the edits of its owners would vanish with it."""
    then = git(ROOT, "ls-tree", "-r", "--name-only", "-z", f"{release.commit}:template").split("\0")
    now = {path.removesuffix(".jinja") for path in template_files()}
    vanished = {path.removesuffix(".jinja") for path in then if path} - now
    with (ROOT / "updates" / "moves.toml").open("rb") as table:
        declared = {move["from"] for move in tomllib.load(table).get("moves", [])}
    assert_no_findings("\n".join(sorted(path for path in vanished if LOOP.sub("*", path) not in declared)))
