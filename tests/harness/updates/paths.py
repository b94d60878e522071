"""Update many services in parallel, each through a list of versions.

The last update is timed. Whole renderings are cached, so that an update takes little more than Git does. Copier's
migrations are skipped: `test_future_releases.py` runs them.
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

from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.pool import process_pool
from tests.harness.combinations.questions import all_questions, flips
from tests.harness.combinations.rendering import caching_renderings, render, update
from tests.harness.updates.releases import NEXT
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.harness.combinations.blobs import Listing, Store
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.rendering import RenderedFile

RECORDED = Path("template", "{{ _copier_conf.answers_file }}.jinja")


@dataclass(frozen=True)
class UpdatePath:
    """A service's answers, and the versions through which it is updated.

    The last update also changes the answers in `flip`, and those in `earlier`, which the first version had instead.
    """

    answers: Answers
    versions: tuple[str, ...]
    flip: Answers = field(default_factory=dict)
    added_questions: frozenset[str] = frozenset()  # questions added after the first version
    earlier: Answers = field(default_factory=dict)

    @property
    def destination(self) -> Answers:
        return self.answers | self.flip

    def __str__(self) -> str:
        flipped = f", then {self.flip}" if self.flip else ""
        return f"{' → '.join(self.versions)} of {all_questions().label(self.answers)}{flipped}"


@dataclass(frozen=True)
class UpdateResult:
    """The files, recorded answers and conflicts after a service's last update.

    `seconds` is the duration of the last update.
    """

    listing: Listing
    recorded: list[tuple[str, object]]
    conflicts: list[str]
    seconds: float


@dataclass(frozen=True)
class UpdateContext:
    """The template, directories and matrix with which a forked worker updates services."""

    template: Path
    directory: Path
    store: Store
    matrix: Matrix

    def prerendered(self, worker: Worker) -> list[RenderedFile] | None:
        """Return the matrix's files of the work tree's version, which saves their rendering.

        Return None for other versions.
        """
        if worker.resolved_vcs_ref != NEXT:
            return None
        answers = {name: worker.answers.combined[name] for name in all_questions().questions}
        listing = self.matrix.compose(self.matrix.file_facts.combination(answers))
        files = {path: self.store.file(blob) for path, blob in listing.items()}
        rendered = [(Path(path), file.content, 0o755 if file.executable else 0o644) for path, file in files.items()]
        return [*rendered, (Path(RECORD), record(worker), 0o644)]

    def run(self, update_path: UpdatePath) -> UpdateResult:
        service = self.directory / f"update_path-{os.getpid()}"
        first, *others = update_path.versions
        answers = {
            name: answer for name, answer in update_path.answers.items() if name not in update_path.added_questions
        }
        render(self.template, service, answers | update_path.earlier, first)
        commit(service, first)
        for version in others[:-1]:
            update(service, {}, version)
            commit_all(service)
        start = time.perf_counter()
        update(
            service, {name: update_path.answers[name] for name in update_path.earlier} | update_path.flip, others[-1]
        )
        seconds = time.perf_counter() - start
        result = self.result(service, seconds)
        shutil.rmtree(service)
        return result

    def result(self, service: Path, seconds: float) -> UpdateResult:
        recorded = yaml.safe_load((service / RECORD).read_text(encoding="utf-8"))
        answers = [(name, answer) for name, answer in recorded.items() if not name.startswith("_")]
        conflicts = git(service, "diff", "--name-only", "--diff-filter=U").splitlines()
        return UpdateResult(self.store.put(service), answers, conflicts, seconds)


def record(worker: Worker) -> bytes:
    """Return the rendered answers file of a Copier worker."""
    template = worker.jinja_env.get_template(RECORDED.as_posix())
    return template.render(**worker._render_context()).encode()  # noqa: SLF001 - the context of every file


def commit_all(service: Path) -> None:
    git(service, "add", "--all")
    git(service, "commit", "--allow-empty", "--message", "update")


@contextmanager
def update_pool(context: UpdateContext) -> Iterator[Callable[[Iterable[UpdatePath]], Iterator[UpdateResult]]]:
    """Yield a function that runs update paths on all processors and returns results in order."""
    with caching_renderings(context.prerendered), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_execute_tasks", lambda *_: None)
        with process_pool(context.run) as run_all:
            yield run_all


@cache
def combination_labels() -> frozenset[str]:
    """Return the labels of all combinations of answers."""
    return frozenset(map(all_questions().label, all_questions().combinations()))


def flipped(answers: Answers) -> list[Answers]:
    """Return every change of one answer that results in a valid combination."""
    pairs = [
        (name, *pair)
        for name, question in all_questions().questions.items()
        for before, after in flips(question)
        for pair in ((before, after), (after, before))
    ]
    candidates = [{name: after} for name, before, after in pairs if answers[name] == before]
    return [flip for flip in candidates if all_questions().label(answers | flip) in combination_labels()]
