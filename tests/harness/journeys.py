"""Services that live: copied from a release, updated once or more, perhaps to another answer; many of them at once.

What is timed is the last update. Copier remembers whole renderings meanwhile, so that an update takes little more than
what Git does. Migrations are left out: `test_futures.py` runs them.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from copier._main import Worker

from tests.harness.crews import crew
from tests.harness.matrix import RECORD
from tests.harness.questions import all_questions, flips
from tests.harness.releases import NEXT
from tests.harness.rendering import render, update, whole
from tests.harness.scratch import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.harness.matrix import Matrix
    from tests.harness.questions import Answers
    from tests.harness.rendering import Written
    from tests.harness.store import Listing, Store

RECORDED = Path("template", "{{ _copier_conf.answers_file }}.jinja")


@dataclass(frozen=True)
class Journey:
    """The versions that a service has one after the other, its answers, and those that the last update changes."""

    answers: Answers
    versions: tuple[str, ...]
    flip: Answers = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # questions that the first version did not ask

    @property
    def destination(self) -> Answers:
        return self.answers | self.flip

    def __str__(self) -> str:
        flipped = f", then {self.flip}" if self.flip else ""
        return f"{' → '.join(self.versions)} of {all_questions().label(self.answers)}{flipped}"


@dataclass(frozen=True)
class Arrival:
    """What a service holds in the end, which answers it records, and which files are in conflict."""

    listing: Listing
    recorded: list[tuple[str, object]]
    conflicts: list[str]
    seconds: float


@dataclass(frozen=True)
class Guide:
    """All that a process needs to take a service on a journey; what the work tree gives, the survey has told."""

    template: Path
    directory: Path
    store: Store
    matrix: Matrix

    def foretell(self, worker: Worker) -> list[Written] | None:
        """Tell what Copier would render of the work tree, for it would do so twice or thrice; its record, it does."""
        if worker.resolved_vcs_ref != NEXT:
            return None
        answers = {name: worker.answers.combined[name] for name in all_questions().questions}
        listing = self.matrix.compose(self.matrix.oracle.combination(answers))
        files = {path: self.store.file(blob) for path, blob in listing.items()}
        written = [(Path(path), file.content, 0o755 if file.executable else 0o644) for path, file in files.items()]
        return [*written, (Path(RECORD), record(worker), 0o644)]

    def take(self, journey: Journey) -> Arrival:
        service = self.directory / f"journey-{os.getpid()}"
        first, *others = journey.versions
        asked = {name: answer for name, answer in journey.answers.items() if name not in journey.left_out}
        render(self.template, service, asked, first)
        commit(service, first)
        for version in others[:-1]:
            update(service, {}, version)
            keep(service)
        begun = time.perf_counter()
        update(service, journey.flip, others[-1])
        seconds = time.perf_counter() - begun
        arrival = self.arrived(service, seconds)
        shutil.rmtree(service)
        return arrival

    def arrived(self, service: Path, seconds: float) -> Arrival:
        recorded = yaml.safe_load((service / RECORD).read_text(encoding="utf-8"))
        answers = [(name, answer) for name, answer in recorded.items() if not name.startswith("_")]
        conflicts = git(service, "diff", "--name-only", "--diff-filter=U").splitlines()
        return Arrival(self.store.keep(service), answers, conflicts, seconds)


def record(worker: Worker) -> bytes:
    """Have Copier write down the answers."""
    template = worker.jinja_env.get_template(RECORDED.as_posix())
    return template.render(**worker._render_context()).encode()  # noqa: SLF001 - with what it renders every file


def keep(service: Path) -> None:
    git(service, "add", "--all")
    git(service, "commit", "--allow-empty", "--message", "update")


@contextmanager
def journeying(guide: Guide) -> Iterator[Callable[[Iterable[Journey]], Iterator[Arrival]]]:
    """Give what takes services on their journeys, on every processor, in their order."""
    with whole(guide.foretell), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_execute_tasks", lambda *_: None)
        with crew(guide.take) as take_all:
            yield take_all


@cache
def known() -> frozenset[str]:
    """Name all combinations."""
    return frozenset(map(all_questions().label, all_questions().combinations()))


def flipped(answers: Answers) -> list[Answers]:
    """List each other answer to one question that leads to another combination."""
    pairs = [
        (name, *pair)
        for name, question in all_questions().questions.items()
        for before, after in flips(question)
        for pair in ((before, after), (after, before))
    ]
    found = [{name: after} for name, before, after in pairs if answers[name] == before]
    return [flip for flip in found if all_questions().label(answers | flip) in known()]
