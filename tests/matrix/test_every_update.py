"""Updated services equal fresh copies, byte for byte, except for their own migrations.

From a release to the work tree, for each combination; with each answer changed; and release by release.
"""

from __future__ import annotations

import re
import statistics
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment, meta

from slipway.moves.declared import Moves
from tests.harness.checks.report import REPORT
from tests.harness.combinations.facts import LOOP, RECORD
from tests.harness.combinations.questions import all_questions, code_questions
from tests.harness.combinations.render_all import first_batch
from tests.harness.findings import assert_no_findings
from tests.harness.updates.paths import UpdateContext, UpdatePath, flipped, update_pool
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

pytestmark = pytest.mark.thorough

HISTORY = "migrations/versions/"  # owned by the service from its first day
FLIPS = 4  # per combination; the first one has all
STEPWISE = 8  # services updated release by release
MAX_PROBLEMS = 40  # reported


@pytest.fixture(scope="module")
def context(history: Path, workspace: Path, store: Store, matrix: Matrix) -> UpdateContext:
    return UpdateContext(history, workspace, store, matrix)


@pytest.fixture(scope="module")
def assert_updates_match(
    pytestconfig: pytest.Config, context: UpdateContext, matrix: Matrix, show: Callable[[str], Meter]
) -> Callable[[str, list[UpdatePath]], None]:
    """Return a function that runs update paths, and fails if a service differs from a fresh copy."""

    def assert_match(title: str, paths: list[UpdatePath]) -> None:
        meter = show(title)
        with update_pool(context) as run_all, meter.shown():
            results = list(meter.each(run_all(paths), len(paths)))
        differences = [
            f"{update_path}: {problem}"
            for update_path, result in zip(paths, results, strict=True)
            for problem in problems(update_path, result, matrix)
        ]
        assert_no_findings("\n".join(differences[:MAX_PROBLEMS]))
        median = statistics.median(result.seconds for result in results)
        pytestconfig.stash[REPORT].notes.append(f"{title}: {len(paths)}, {median * 1000:.0f} ms for an update")

    return assert_match


def without_history(listing: Listing) -> Listing:
    return {path: blob for path, blob in listing.items() if path != RECORD and not path.startswith(HISTORY)}


def problems(update_path: UpdatePath, result: UpdateResult, matrix: Matrix) -> list[str]:
    """Return the differences between an updated service and a fresh copy."""
    expected = without_history(matrix.compose(matrix.file_facts.combination(update_path.destination)))
    actual = without_history(result.listing)
    differing = sorted(path for path in expected.keys() | actual.keys() if expected.get(path) != actual.get(path))
    recorded = [] if result.recorded == list(update_path.destination.items()) else [f"records {result.recorded}"]
    return [*differing, *recorded, *(f"{path} is in conflict" for path in result.conflicts)]


def update_path(answers: Answers, release: Release, *others: str) -> UpdatePath:
    added_questions = frozenset(answers.keys() - release.questionnaire.questions.keys())
    earlier = {name: answer for name, answer in release.restrict(answers).items() if answer != answers[name]}
    return UpdatePath(answers, (release.tag, *others, NEXT), added_questions=added_questions, earlier=earlier)


def from_releases(combinations: list[Answers], *, each: bool) -> list[UpdatePath]:
    """Return update paths to the work tree from one, or with `each` from every, release that offers the answers."""
    turn = cycle(range(len(releases())))
    paths = []
    for answers in combinations:
        offering = [release for release in releases() if release.offers(answers)]
        selected = offering if each else [offering[next(turn) % len(offering)]] if offering else []
        paths += [update_path(answers, release) for release in selected]
    return paths


def test_update_from_release_equals_fresh_copy(
    pytestconfig: pytest.Config, matrix: Matrix, assert_updates_match: Callable[[str, list[UpdatePath]], None]
) -> None:
    """Update services from one release in a short run, and from every release in CI.

    Before a release, every combination of the questions that decide code, with the surroundings in turn, from every
    release.
    """
    size = pytestconfig.option.matrix
    if size in {"all", "product"}:
        combinations = [combination.answers for combination in first_batch(matrix)]
    else:
        combinations = all_questions().covering(1 if size == "each" else 3)
    paths = from_releases(combinations, each=size != "each")
    oldest = releases()[0]
    paths += [update_path(answers, oldest) for answers in code_questions().combinations() if oldest.offers(answers)]
    assert_updates_match("Updates from releases", paths)


def every_flip(combinations: list[Answers]) -> list[UpdatePath]:
    """Return update paths that change one answer: every change is tried at least once."""
    tried: set[str] = set()
    paths = []
    for place, answers in enumerate(combinations):
        flips = flipped(answers)
        some = [flips[(place * FLIPS + number) % len(flips)] for number in range(FLIPS)]
        ways = {repr([(name, answers[name], after) for name, after in flip.items()]): flip for flip in flips}
        paths += [
            UpdatePath(answers, (NEXT, NEXT), flip) for way, flip in ways.items() if way not in tried or flip in some
        ]
        tried |= ways.keys()
    return paths


def test_update_with_changed_answer_equals_fresh_copy(
    pytestconfig: pytest.Config, assert_updates_match: Callable[[str, list[UpdatePath]], None]
) -> None:
    """Change each answer to each other answer in a covering array of combinations."""
    strength = 1 if pytestconfig.option.matrix == "each" else 2
    assert_updates_match("Other answers", every_flip(all_questions().covering(strength)))


def test_updates_through_every_release_equal_fresh_copy(
    assert_updates_match: Callable[[str, list[UpdatePath]], None],
) -> None:
    paths = []
    for release in releases():
        between = [each.tag for each in later(release)]
        offered = [answers for answers in code_questions().combinations() if release.offers(answers)]
        some = offered[:: max(1, len(offered) // STEPWISE)] if between else []
        paths += [update_path(answers, release, *between) for answers in some]
    assert_updates_match("Release after release", paths)


def has_successor(name: str) -> bool:
    """Return whether a question's default reads the answer to the removed question."""
    defaults = [str(question["default"]) for question in all_questions().questions.values()]
    return any(
        name in meta.find_undeclared_variables(Environment(autoescape=True).parse(default)) for default in defaults
    )


@pytest.mark.parametrize("release", releases(), ids=str)
def test_removed_question_or_choice_has_successor(release: Release) -> None:
    """Copier drops answers that became invalid; `docs/releasing.md` says how to rename or drop one."""
    questions = all_questions().questions
    rejected = {
        f"{name}: {answer}" if name in questions else name
        for answers in release.questionnaire.covering(1)
        for name, answer in answers.items()
        if not (is_offered(questions[name], answer) if name in questions else has_successor(name))
    }
    assert_no_findings("\n".join(sorted(rejected)))


def test_release_has_changelog_entry() -> None:
    notes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", notes, re.MULTILINE)
    assert versions[::-1] == [release.version for release in releases()]


@pytest.mark.parametrize("release", releases(), ids=str)
def test_path_removed_since_release_is_declared_in_moves(release: Release) -> None:
    """An update would lose users' edits of a file whose removal is undeclared."""
    then = git(ROOT, "ls-tree", "-r", "--name-only", "-z", f"{release.commit}:template").split("\0")
    now = {LOOP.sub("*", path).removesuffix(".jinja") for path in template_files()}
    removed = {LOOP.sub("*", path).removesuffix(".jinja") for path in then if path} - now
    moves = Moves.parse((ROOT / "updates" / "moves.toml").read_text(encoding="utf-8"))
    assert_no_findings("\n".join(sorted(path for path in removed if not moves.declares(path))))
