"""Users' edits survive updates: each is preserved, reported as deleted, or in conflict."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.footprint import RECORD
from slipway.moves.declared import Moves
from tests.harness.checks.report import REPORT
from tests.harness.checks.runner import environment
from tests.harness.checks.shards import due
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import caching_renderings, render, tree, update
from tests.harness.updates.markers import SPOTS, mark
from tests.harness.updates.outcomes import outcome
from tests.harness.updates.owner_edits import EDITS
from tests.harness.updates.releases import NEXT, releases
from tests.harness.workspace import ROOT, commit, copy_work_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.updates.markers import Spot
    from tests.harness.updates.outcomes import EditStatus
    from tests.harness.updates.owner_edits import Insertion
    from tests.harness.updates.releases import Release

    Insertions = dict[str, list[Insertion]]

pytestmark = pytest.mark.thorough

DEFAULT = all_questions().default
GROWN: Answers = {
    "auth": "local",
    "tasks": "taskiq",
    "features": ["ratelimit", "cache", "websockets", "email", "files", "observability"],
}
DEPLOYMENTS: Answers = {"deploy": ["kubernetes", "fly"]}
SERVICES: dict[str, Answers] = {
    "plain": DEFAULT,
    "on GitLab": DEFAULT | {"ci": "gitlab", "database": "sqlite"},
    "full": DEFAULT | GROWN | DEPLOYMENTS,
}
# Edits that conflict when made in these releases, and why.
CONFLICTS: dict[str, tuple[set[str], str]] = {
    "add image package": (
        {"0.1.0", "0.2.0"},
        "it stood beside the line that made the user, since deleted; there is a slot for it now",
    ),
    "add image folder": (
        {"0.1.0", "0.2.0", "0.3.0", "0.4.0"},
        "the comment below was reworded; there is a slot for it now",
    ),
    "add resource operation": (
        {"0.1.0", "0.2.0", "0.3.0", "0.4.0"},
        "the next route calls a function renamed since; only `slipway update` renames it before it merges",
    ),
    "append to readme": (
        {"0.1.0", "0.2.0", "0.3.0", "0.4.0"},
        "the last rows were reworded; there is a divider for it now",
    ),
    "add gitlab job": (
        {"0.1.0", "0.2.0"},
        "it stood below the last job, which has artifacts since; there is a slot for it now",
    ),
}
MOVES = Moves.parse((ROOT / "updates/moves.toml").read_text(encoding="utf-8"))
SEVERITY: tuple[EditStatus, ...] = ("preserved", "reported", "conflict", "lost")
# Changed answers that change shared files as much as releases do.
FLIPS: dict[str, tuple[Answers, Answers]] = {
    "features added": (DEFAULT | DEPLOYMENTS, GROWN),
    "features added on GitLab": (SERVICES["on GitLab"] | DEPLOYMENTS, GROWN),
    "features removed": (DEFAULT | DEPLOYMENTS | GROWN, {name: DEFAULT[name] for name in GROWN}),
    "database changed": (DEFAULT | DEPLOYMENTS, {"database": "sqlite"}),
}
CHANGES: dict[str, tuple[Answers, Answers]] = FLIPS | {
    "deployments removed": (SERVICES["full"], {"deploy": []}),
    "CI changed": (DEFAULT, {"ci": "gitlab"}),
    "agents removed": (DEFAULT, {"agents": False}),
    "resources removed": (DEFAULT, {"resources": []}),
}


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Cache Copier's renderings for all tests of this module."""
    with caching_renderings():
        yield


def offered(release: Release) -> dict[str, Answers]:
    """Return the answers of the services that a release can render, by name."""
    return {name: release.restrict(answers) for name, answers in SERVICES.items() if release.offers(answers)}


def edited(template: Path, service: Path, answers: Answers, version: str, names: Iterable[str]) -> Insertions:
    """Render, edit and commit a service; return the lines that each edit inserted."""
    render(template, service, answers, version)
    insertions = {name: EDITS[name].make(service) for name in names if EDITS[name].applies_to(service)}
    commit(service, "edited")
    assert statuses(service, insertions) == dict.fromkeys(insertions, "preserved"), "an edit was not applied"
    return insertions


def statuses(service: Path, insertions: Insertions) -> dict[str, EditStatus]:
    """Return the status of each edit: the worst status of its inserted lines."""
    result = outcome(service)
    of_edits = {name: [insertion.status(result) for insertion in group] for name, group in insertions.items()}
    return {name: max(group, key=SEVERITY.index) for name, group in of_edits.items()}


def expected(names: Iterable[str], release: Release) -> dict[str, EditStatus]:
    return {name: "conflict" if release.version in CONFLICTS.get(name, ((), ""))[0] else "preserved" for name in names}


@pytest.mark.parametrize("release", releases(), ids=str)
def test_all_edits_survive_update_from_release(release: Release, history: Path, empty: Path) -> None:
    for name, answers in offered(release).items():
        insertions = edited(history, empty / name, answers, release.tag, EDITS)
        update(empty / name, {}, NEXT)
        assert statuses(empty / name, insertions) == expected(insertions, release), name


@pytest.fixture(scope="module")
def bases(history: Path, workspace: Path) -> dict[tuple[Release, str], Path]:
    """Render each service from every release that supports its answers."""
    services = {(release, name): answers for release in releases() for name, answers in offered(release).items()}
    for (release, name), answers in services.items():
        render(history, workspace / "bases" / str(release) / name, answers, release.tag)
    return {(release, name): workspace / "bases" / str(release) / name for release, name in services}


@pytest.mark.weekly
@pytest.mark.parametrize(("number", "edit"), list(enumerate(EDITS)), ids=EDITS)
def test_single_edit_survives_update(
    number: int, edit: str, bases: dict[tuple[Release, str], Path], history: Path, empty: Path
) -> None:
    """Make one edit alone, in a release and a service that it applies to."""
    applicable = [key for key, base in bases.items() if EDITS[edit].applies_to(base)]
    small = [(release, name) for release, name in applicable if name != "full"]
    candidates = small or applicable
    release, name = candidates[number % len(candidates)]
    insertions = edited(history, empty, offered(release)[name], release.tag, [edit])
    update(empty, {}, NEXT)
    assert statuses(empty, insertions) == expected(insertions, release), (str(release), name)


@pytest.mark.parametrize(("before", "after"), FLIPS.values(), ids=FLIPS)
def test_all_edits_survive_changed_answers(before: Answers, after: Answers, history: Path, empty: Path) -> None:
    """Change answers so that the template changes every list to which users add lines."""
    insertions = edited(history, empty, before, NEXT, EDITS)
    update(empty, after, NEXT)
    of_edits = statuses(empty, insertions)
    assert set(of_edits.values()) == {"preserved"}, of_edits


@pytest.mark.weekly
@pytest.mark.parametrize(("release", "name"), [(releases()[0], "plain"), (releases()[-1], "on GitLab")])
def test_edited_service_passes_tests_after_update(release: Release, name: str, history: Path, empty: Path) -> None:
    merged = [edit for edit, status in expected(EDITS, release).items() if status == "preserved"]
    edited(history, empty, offered(release)[name], release.tag, merged)
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
    """Render a service and insert a marker comment into each file; return the comments by path.

    Copier's record is excluded: its first line says how to change it.
    """
    render(template, service, answers, version)
    marks = {path: mark(service, path, spot) for path in tree(service) if path != RECORD}
    commit(service, "marked")
    return marks


def classified(
    service: Path, marks: dict[str, str], deleted: frozenset[str] = frozenset(), output: str = ""
) -> dict[str, EditStatus]:
    """Return the status of each marker comment; `deleted` files may be missing if `output` reports them."""
    result = outcome(service, output)
    moved = MOVES.paths(marks, tree(service))
    targets = {path: moved.get(path, path) for path in marks}
    times = Counter(targets.values())
    return {path: result.status(targets[path], text, deleted, times[targets[path]]) for path, text in marks.items()}


def with_status(status: EditStatus, of_marks: dict[str, EditStatus]) -> set[str]:
    return {path for path, each in of_marks.items() if each == status}


@pytest.mark.parametrize("release", releases(), ids=str)
def test_update_from_release_loses_no_marker_comment(
    release: Release, history: Path, empty: Path, pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    for name, answers in offered(release).items():
        for spot in due(pytestconfig, SPOTS):
            service = empty / name / spot
            marks = marked(history, service, answers, release.tag, spot)
            update(service, {}, NEXT)
            deleted = frozenset(filter(MOVES.declares, marks.keys() - tree(service).keys()))
            of_marks = classified(service, marks, deleted, capfd.readouterr().err)
            assert not with_status("lost", of_marks), (name, spot)
            counts.update(of_marks.values())
    pytestconfig.stash[REPORT].notes.append(f"Marks from {release}: {counted(counts)}")


@pytest.mark.parametrize("change", CHANGES)
def test_update_with_changed_answers_loses_no_marker_comment(
    change: str, history: Path, empty: Path, pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]
) -> None:
    before, after = CHANGES[change]
    render(history, empty / "fresh", before | after, NEXT)
    counts: Counter[str] = Counter()
    for spot in due(pytestconfig, SPOTS):
        marks = marked(history, empty / spot, before, NEXT, spot)
        deleted = frozenset(marks.keys() - tree(empty / "fresh").keys())
        update(empty / spot, after, NEXT)
        of_marks = classified(empty / spot, marks, deleted, capfd.readouterr().err)
        assert not with_status("lost", of_marks), spot
        counts.update(of_marks.values())
    pytestconfig.stash[REPORT].notes.append(f"Marks, {change}: {counted(counts)}")


def counted(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[status]} {status}" for status in SEVERITY)


@pytest.fixture(scope="module")
def lossy(workspace: Path) -> Path:
    """Create a template whose second release moves a file without declaring it, and changes a line."""
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
def test_marker_comment_lost_by_undeclared_move_is_detected(spot: Spot, lossy: Path, empty: Path) -> None:
    marks = marked(lossy, empty, DEFAULT, "v1.0.0", spot)
    update(empty, {}, "v2.0.0")
    of_marks = classified(empty, marks)
    assert with_status("lost", of_marks) == {"app/links.py"}
    assert with_status("preserved", of_marks) == marks.keys() - {"app/links.py"}


def test_marker_comment_removed_by_user_is_detected(lossy: Path, empty: Path) -> None:
    marks = marked(lossy, empty, DEFAULT, "v2.0.0", "end")
    (empty / "README.md").write_text("# Ours\n", encoding="utf-8")
    assert with_status("lost", classified(empty, marks)) == {"README.md"}


def test_line_changed_on_both_sides_conflicts(lossy: Path, empty: Path) -> None:
    render(lossy, empty, DEFAULT, "v1.0.0")
    style = empty / "ruff.toml"
    style.write_text(style.read_text(encoding="utf-8").replace("line-length = 100", "line-length = 120"), "utf-8")
    commit(empty, "wider")
    update(empty, {}, "v2.0.0")
    result = outcome(empty)
    assert result.conflicts.keys() == {"ruff.toml"}
    assert result.status("ruff.toml", "line-length = 120\n") == "conflict"
