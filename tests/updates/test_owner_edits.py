"""What owners change survives updates: it is kept, told to be gone, or visibly in conflict, and never lost silently."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from extensions.footprint import RECORD
from tests.harness.checks.report import REPORT
from tests.harness.checks.runner import environment
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import caching_renderings, render, tree, update
from tests.harness.updates.markers import SPOTS, mark
from tests.harness.updates.outcomes import outcome
from tests.harness.updates.owner_edits import EDITS
from tests.harness.updates.releases import NEXT, releases
from tests.harness.workspace import commit, copy_work_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.updates.markers import Spot
    from tests.harness.updates.outcomes import Fate
    from tests.harness.updates.owner_edits import Trace
    from tests.harness.updates.releases import Release

    Traces = dict[str, list[Trace]]

pytestmark = pytest.mark.thorough

DEFAULT = all_questions().default
GROWN: Answers = {
    "auth": "local",
    "tasks": "taskiq",
    "features": ["ratelimit", "cache", "websockets", "email", "files", "observability"],
}
PLACES: Answers = {"deploy": ["kubernetes", "fly"]}
SERVICES: dict[str, Answers] = {
    "plain": DEFAULT,
    "on GitLab": DEFAULT | {"ci": "gitlab", "database": "sqlite"},
    "of everything": DEFAULT | GROWN | PLACES,
}
# Both sides changed these lines, between these releases and the next one; each entry is needed.
CLASHES: dict[str, tuple[set[str], str]] = {
    "the image has another package": (
        {"0.1.0", "0.2.0"},
        "where it stood beside the line that made the user, which is gone; there is a place for it now",
    ),
    "the image has another folder": (
        {"0.1.0", "0.2.0"},
        "where it stood beside what was copied from the checkout, and is copied from the first stage; likewise",
    ),
    "gitlab does another job": (
        {"0.1.0", "0.2.0"},
        "where it stood below the last job, which has had artifacts since; there is a place for it now",
    ),
}
WORST: tuple[Fate, ...] = ("kept", "told", "conflict", "lost")
# What changes the shared files of a service as much as releases would.
FLIPS: dict[str, tuple[Answers, Answers]] = {
    "it grows": (DEFAULT | PLACES, GROWN),
    "it grows on GitLab": (SERVICES["on GitLab"] | PLACES, GROWN),
    "it shrinks": (DEFAULT | PLACES | GROWN, {name: DEFAULT[name] for name in GROWN}),
    "its database is another": (DEFAULT | PLACES, {"database": "sqlite"}),
}
ENDS: dict[str, tuple[Answers, Answers]] = FLIPS | {
    "its places are left": (SERVICES["of everything"], {"deploy": []}),
    "its pipeline is another": (DEFAULT, {"ci": "gitlab"}),
    "assistants are left": (DEFAULT, {"agents": False}),
    "its resources are left": (DEFAULT, {"resources": []}),
}


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Let Copier remember whole renderings."""
    with caching_renderings():
        yield


def offered(release: Release) -> dict[str, Answers]:
    """List the services that could be copied from a release."""
    return {name: release.given(answers) for name, answers in SERVICES.items() if release.offers(answers)}


def edited(template: Path, service: Path, answers: Answers, version: str, sentences: Iterable[str]) -> Traces:
    """Copy a service, and edit it as its owner would; tell what each edit left."""
    render(template, service, answers, version)
    traces = {name: EDITS[name].make(service) for name in sentences if EDITS[name].concerns(service)}
    commit(service, "edited")
    assert fates(service, traces) == dict.fromkeys(traces, "kept"), "an edit was not made"
    return traces


def fates(service: Path, traces: Traces) -> dict[str, Fate]:
    """Say what became of each edit: the worst that became of what it left."""
    found = outcome(service)
    ends = {name: [trace.fate(found) for trace in left] for name, left in traces.items()}
    return {name: max(each, key=WORST.index) for name, each in ends.items()}


def expected(names: Iterable[str], release: Release) -> dict[str, Fate]:
    return {name: "conflict" if release.version in CLASHES.get(name, ((), ""))[0] else "kept" for name in names}


@pytest.mark.parametrize("release", releases(), ids=str)
def test_edits_survive_together_whichever_release_they_were_made_in(
    release: Release, history: Path, empty: Path
) -> None:
    for name, answers in offered(release).items():
        traces = edited(history, empty / name, answers, release.tag, EDITS)
        update(empty / name, {}, NEXT)
        assert fates(empty / name, traces) == expected(traces, release), name


@pytest.fixture(scope="module")
def bases(history: Path, workspace: Path) -> dict[tuple[Release, str], Path]:
    """Copy every service from every release that offers it, for edits to find one that they concern."""
    found = {(release, name): answers for release in releases() for name, answers in offered(release).items()}
    for (release, name), answers in found.items():
        render(history, workspace / "bases" / str(release) / name, answers, release.tag)
    return {(release, name): workspace / "bases" / str(release) / name for release, name in found}


@pytest.mark.parametrize(("number", "sentence"), list(enumerate(EDITS)), ids=EDITS)
def test_an_edit_survives_by_itself(
    number: int, sentence: str, bases: dict[tuple[Release, str], Path], history: Path, empty: Path
) -> None:
    """Made in a release and a service of those that it concerns, in turn: no other edit stands beside it."""
    concerned = [made_in for made_in, base in bases.items() if EDITS[sentence].concerns(base)]
    small = [(release, name) for release, name in concerned if name != "of everything"]
    choice = small or concerned
    release, name = choice[number % len(choice)]
    traces = edited(history, empty, offered(release)[name], release.tag, [sentence])
    update(empty, {}, NEXT)
    assert fates(empty, traces) == expected(traces, release), (str(release), name)


@pytest.mark.parametrize(("before", "after"), FLIPS.values(), ids=FLIPS)
def test_edits_survive_as_the_service_becomes_another(
    before: Answers, after: Answers, history: Path, empty: Path
) -> None:
    """Here the template changes every list that it shares with the owner, as many releases will."""
    traces = edited(history, empty, before, NEXT, EDITS)
    update(empty, after, NEXT)
    assert fates(empty, traces) == dict.fromkeys(traces, "kept")


@pytest.mark.parametrize(("release", "name"), [(releases()[0], "plain"), (releases()[-1], "on GitLab")])
def test_an_edited_service_passes_its_tests_after_the_update(
    release: Release, name: str, history: Path, empty: Path
) -> None:
    edited(history, empty, offered(release)[name], release.tag, EDITS)
    update(empty, {}, NEXT)
    passed = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not drill"],
        cwd=empty,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert passed.returncode == 0, passed.stdout


def marked(template: Path, service: Path, answers: Answers, version: str, spot: Spot) -> dict[str, str]:
    """Copy a service, and mark all of its files at one spot; tell what was written into each.

    But for Copier's own record, whose first line says how else it is changed.
    """
    render(template, service, answers, version)
    marks = {path: mark(service, path, spot) for path in tree(service) if path != RECORD}
    commit(service, "marked")
    return marks


def judged(service: Path, marks: dict[str, str], gone: frozenset[str] = frozenset(), said: str = "") -> dict[str, Fate]:
    """Say what became of each mark, where the files that may be gone are these, and the owner was told this."""
    found = outcome(service, said)
    return {path: found.fate(path, written, gone) for path, written in marks.items()}


def those(fate: Fate, ends: dict[str, Fate]) -> set[str]:
    return {path for path, end in ends.items() if end == fate}


@pytest.mark.parametrize("release", releases(), ids=str)
def test_no_mark_is_lost_whichever_release_it_was_made_in(
    release: Release, history: Path, empty: Path, pytestconfig: pytest.Config
) -> None:
    counts: Counter[str] = Counter()
    for name, answers in offered(release).items():
        for spot in SPOTS:
            service = empty / name / spot
            marks = marked(history, service, answers, release.tag, spot)
            update(service, {}, NEXT)
            ends = judged(service, marks)
            assert not those("lost", ends) | those("told", ends), (name, spot)
            counts.update(ends.values())
    pytestconfig.stash[REPORT].notes.append(f"Marks from {release}: {counted(counts)}")


@pytest.mark.parametrize("change", ENDS)
def test_a_mark_is_kept_or_its_file_is_told_to_be_gone_as_the_service_becomes_another(
    change: str, history: Path, empty: Path, pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]
) -> None:
    before, after = ENDS[change]
    render(history, empty / "fresh", before | after, NEXT)
    counts: Counter[str] = Counter()
    for spot in SPOTS:
        marks = marked(history, empty / spot, before, NEXT, spot)
        gone = frozenset(marks.keys() - tree(empty / "fresh").keys())
        update(empty / spot, after, NEXT)
        ends = judged(empty / spot, marks, gone, capfd.readouterr().err)
        assert not those("lost", ends), spot
        counts.update(ends.values())
    pytestconfig.stash[REPORT].notes.append(f"Marks, where {change}: {counted(counts)}")


def counted(ends: Counter[str]) -> str:
    return ", ".join(f"{ends[fate]} {fate}" for fate in WORST)


@pytest.fixture(scope="module")
def lossy(workspace: Path) -> Path:
    """Make a template that moves a file and tells nobody, and that changes a line."""
    directory = workspace / "lossy"
    copy_work_tree(directory)
    commit(directory, "v1.0.0")
    app = directory / "template" / "app"
    (app / "links.py").rename(app / "linking.py")
    style = directory / "template" / "ruff.toml"
    style.write_text(style.read_text(encoding="utf-8").replace("line-length = 100", "line-length = 99"), "utf-8")
    commit(directory, "v2.0.0")
    return directory


@pytest.mark.parametrize("spot", SPOTS)
def test_a_template_that_moves_a_file_and_tells_nobody_is_found_out(spot: Spot, lossy: Path, empty: Path) -> None:
    marks = marked(lossy, empty, DEFAULT, "v1.0.0", spot)
    update(empty, {}, "v2.0.0")
    ends = judged(empty, marks)
    assert those("lost", ends) == {"app/links.py"}
    assert those("kept", ends) == marks.keys() - {"app/links.py"}


def test_a_mark_that_an_update_takes_out_is_found_missing(lossy: Path, empty: Path) -> None:
    marks = marked(lossy, empty, DEFAULT, "v2.0.0", "end")
    (empty / "README.md").write_text("# Ours\n", encoding="utf-8")
    assert those("lost", judged(empty, marks)) == {"README.md"}


def test_what_both_sides_changed_is_in_conflict(lossy: Path, empty: Path) -> None:
    render(lossy, empty, DEFAULT, "v1.0.0")
    style = empty / "ruff.toml"
    style.write_text(style.read_text(encoding="utf-8").replace("line-length = 100", "line-length = 120"), "utf-8")
    commit(empty, "wider")
    update(empty, {}, "v2.0.0")
    found = outcome(empty)
    assert found.conflicts.keys() == {"ruff.toml"}
    assert found.fate("ruff.toml", "line-length = 120\n") == "conflict"
