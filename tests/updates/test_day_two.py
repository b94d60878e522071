"""`slipway update` loses no user's edit, and reports each template change that it does not merge."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from slipway.moves.declared import Moves
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import caching_renderings, render
from tests.harness.updates.day_two_edits import EDITS, MAIN, RENAMED, edit_all, insert_below, rename_word
from tests.harness.updates.future_releases import replace
from tests.harness.updates.line_audit import Merge, missing, texts
from tests.harness.updates.owner_repository import Owner
from tests.harness.updates.releases import NEXT, releases
from tests.harness.workspace import ROOT, commit
from tests.updates.test_owner_edits import SERVICES, offered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.updates.line_audit import Texts
    from tests.harness.updates.releases import Release

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

LATER = "v1000.0.0"
CLIENT, OUTBOUND = next(iter(RENAMED.items()))
CASES = {f"{release} {name}": (release, name) for release in releases() for name in offered(release)}
MAX_CONFLICTS = 0.42  # of the edited files; release 0.5.0 rewords most of them


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Cache Copier's renderings for all tests of this module."""
    with caching_renderings():
        yield


@pytest.fixture(scope="module")
def pristine(history: Path, workspace: Path) -> Callable[[Answers, str], Texts]:
    """Return a function that renders a service without edits and caches its files."""
    rendered: dict[str, Texts] = {}

    def render_once(answers: Answers, version: str) -> Texts:
        key = repr((answers, version))
        if key not in rendered:
            directory = workspace / "pristine" / str(len(rendered))
            render(history, directory, answers, version)
            rendered[key] = texts(directory)
        return rendered[key]

    return render_once


def test_day_two_edits_have_25_kinds() -> None:
    assert len(EDITS) == 25


@pytest.fixture
def edited(request: pytest.FixtureRequest, history: Path, empty: Path) -> tuple[Release, str, Owner]:
    """A service of one release with all day-two edits that apply to it."""
    release, name = request.param
    render(history, empty, offered(release)[name], release.tag)
    edit_all(empty)
    commit(empty, "edited")
    return release, name, Owner(empty)


@pytest.mark.parametrize("edited", CASES.values(), ids=CASES, indirect=True)
def test_day_two_edits_survive_update(
    edited: tuple[Release, str, Owner], pristine: Callable[[Answers, str], Texts], note: Callable[[str], None]
) -> None:
    release, name, owner = edited
    ours = texts(owner.directory)
    report = owner.update()
    merge = Merge(
        base=pristine(offered(release)[name], release.tag),
        ours=ours,
        theirs=pristine(SERVICES[name], NEXT),
        result=texts(owner.result(report).directory),
        report=report,
        renamed=RENAMED,
        moves=Moves.parse((ROOT / "updates/moves.toml").read_text(encoding="utf-8")),
    )
    audit = merge.audit()
    note(
        f"Day two, {release} {name}: {audit.edited} files edited, {len(report['conflicts'])} conflicts"
        f" ({', '.join(report['conflicts'])}), {len(audit.lost)} lost, {len(audit.dropped)} dropped,"
        f" {len(report['adjacent'])} of neighbouring lines merged, {len(report['faults'])} faults"
    )
    assert (audit.lost, audit.dropped, report["lost"]) == ({}, {}, [])
    assert report["conflicts"] + report["faults"] or report["applied"]
    assert len(report["conflicts"]) <= MAX_CONFLICTS * audit.edited


# ── A later release ──────────────────────────────────────────────────────────────────────────────────────────────────


def change_template(template: Path) -> None:
    """Change the template: fix, rename and remove modules, and rename and change pages."""
    emitted = template / "template"
    replace(emitted / CLIENT, "max_connections: PositiveInt = Field(100", "max_connections: PositiveInt = Field(64")
    (emitted / "docs/image.md").rename(emitted / "docs/container.md")
    (emitted / "app/links.py").rename(emitted / "app/linking.py")
    replace(emitted / "docs/postgresql.md", "# ", "# Database: ")
    for path in ("app/healthcheck.py", "tests/server/test_healthcheck.py"):
        (emitted / path).unlink()
    rename_word(emitted, "PLACEHOLDERS", "WEAK_SECRETS")


OWN = '''\
"""A module of the owner's."""

from app.healthcheck import is_alive
from app.links import Links
from app.settings import PLACEHOLDERS

__all__ = ["PLACEHOLDERS", "Links", "is_alive"]
'''


@pytest.fixture(scope="module")
def later(history: Path, workspace: Path) -> tuple[Owner, dict[str, Any]]:
    """The merged service of an update to a later release, and the update's report."""
    template = shutil.copytree(history, workspace / "day two template", symlinks=True)
    change_template(template)
    commit(template, LATER)
    service = workspace / "day two"
    render(template, service, all_questions().default, NEXT)
    EDITS["rename module"].make(service)
    insert_below(service / "docs/image.md", "^# ", "\nWhat we found out ourselves.\n")
    (service / "docs/postgresql.md").unlink()
    (service / "app/own.py").write_text(OWN, encoding="utf-8")
    commit(service, "start")
    owner = Owner(service)
    report = owner.update()
    return owner.result(report), report


def test_template_fix_is_merged_into_module_that_user_renamed(later: tuple[Owner, dict[str, Any]]) -> None:
    result, report = later
    assert "PositiveInt = Field(64" in result.read(OUTBOUND)
    assert "outbound.install(app)" in result.read(MAIN)
    assert not (result / CLIENT).exists()
    assert report["followed"][CLIENT] == OUTBOUND


def test_update_detects_undeclared_renames_of_template_files(later: tuple[Owner, dict[str, Any]]) -> None:
    result, report = later
    assert "What we found out ourselves." in result.read("docs/container.md")
    assert not (result / "docs/image.md").exists()
    assert report["moved"] == {"docs/image.md": "docs/container.md"}
    assert "from app.linking import Links\n" in result.read("app/own.py")
    assert "app/own.py" in report["rewritten"]


def test_changed_file_deleted_by_user_stays_deleted(later: tuple[Owner, dict[str, Any]]) -> None:
    result, report = later
    assert report["left_deleted"] == ["docs/postgresql.md"]
    assert not (result / "docs/postgresql.md").exists()


def test_update_is_rejected_if_user_imports_removed_name(later: tuple[Owner, dict[str, Any]]) -> None:
    _, report = later
    assert [fault for fault in report["faults"] if fault.startswith("app/own.py")] == [
        "app/own.py: app.settings has no PLACEHOLDERS",
        "app/own.py: there is no module app.healthcheck",
    ]
    assert not report["applied"]


# ── The audit ────────────────────────────────────────────────────────────────────────────────────────────────────────

BASE = "a\nb\nc\nd\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "result", "lost", "dropped"),
    [
        ("a\nx\nb\nc\nd\n", "a\nb\nc\n", "a\nx\nb\nc\n", [], []),
        ("a\nx\nb\nc\nd\n", BASE, BASE, ["+x"], []),
        ("a\nc\nd\n", "a\nb\nc\nd\ny\n", "a\nb\nc\nd\ny\n", ["-b"], []),
        (BASE, "a\nb\nd\ny\n", BASE, [], ["+y", "-c"]),
        ("a\nx\nc\nd\n", "a\ny\nc\nd\n", "a\n<<<<<<< o\nx\n=======\ny\n>>>>>>> t\nc\nd\n", [], []),
        ("a\nx\nc\nd\n", "a\ny\nc\nd\n", "a\nx\nc\nd\n", [], ["+y"]),
        ("a\nb\nc\nc\nd\n", "a\nb\nc\nc\nd\n", "a\nb\nc\nc\nd\n", [], []),
    ],
)
def test_merge_audit_reports_missing_lines(
    ours: str, theirs: str, result: str, lost: list[str], dropped: list[str]
) -> None:
    assert missing(BASE, ours, theirs, result) == lost
    assert missing(BASE, theirs, ours, result) == dropped


def test_merge_audit_reports_missing_file() -> None:
    report: dict[str, Any] = {
        "conflicts": [],
        "deleted": [],
        "left_deleted": [],
        "moved": {},
        "rewritten": [],
        "seeds": [],
    }
    merge = Merge({"a": BASE}, {"a": BASE, "own": "x\n"}, {"a": BASE, "new": "y\n"}, {"a": BASE}, report)
    audit = merge.audit()
    assert (audit.lost, audit.dropped) == ({"own": ["+the whole file"]}, {"new": ["+the whole file"]})
