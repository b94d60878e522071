"""The releases of the template, laid out again from the history of its repository; the work tree is the next one."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import yaml

from extensions.questionnaire import Reader
from tests.harness.combinations.questions import Questionnaire, all_questions, choices, rules
from tests.harness.workspace import ROOT, copy_work_tree, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.questions import Answers, Question

TABLE = ROOT / "releases.toml"
NEXT = "v999.0.0"  # the work tree, whatever it will be called


@dataclass(frozen=True)
class Release:
    """A version that services were copied from, the commit that it is, and the oldest that can be updated to it."""

    version: str
    commit: str
    oldest: str = ""

    def __str__(self) -> str:
        return self.tag

    @property
    def tag(self) -> str:
        return f"v{self.version}"

    def file(self, path: str) -> str:
        """Read a file as it was then."""
        return git(ROOT, "show", f"{self.commit}:{path}")

    @cached_property
    def asked(self) -> Questionnaire:
        """The questions of this release."""
        questions, *_ = yaml.load_all(self.file("copier.yml"), Reader)
        asked = {
            name: question
            for name, question in questions.items()
            if not name.startswith("_") and question.get("when") is not False
        }
        return Questionnaire(asked, rules(asked))

    def offers(self, answers: Answers) -> bool:
        """Say whether an update leads from a service of this release to one of these answers, and no answer changes.

        What was not asked then is answered by its default as the service is updated.
        """
        asked, default = self.asked.questions, all_questions().default
        return all(
            is_offered(asked[name], answer) if name in asked else answer == default[name]
            for name, answer in answers.items()
        )

    def given(self, answers: Answers) -> Answers:
        """Leave out the answers to questions that came later."""
        return {name: answer for name, answer in answers.items() if name in self.asked.questions}


def is_offered(question: Question, answer: object) -> bool:
    known = choices(question)
    return not known or (set(answer) <= set(known) if isinstance(answer, list) else answer in known)


def releases() -> list[Release]:
    """List them, the oldest first."""
    with TABLE.open("rb") as table:
        entries = tomllib.load(table)["releases"]
    return [Release(entry["version"], entry["commit"], entry.get("from", "")) for entry in entries]


def later(release: Release) -> list[Release]:
    """List the releases that a service of this one can be updated to, the oldest first."""
    listed = releases()
    places = {each.version: place for place, each in enumerate(listed)}
    place = places[release.version]
    return [each for each in listed[place + 1 :] if places.get(each.oldest, 0) <= place]


def lay_out(directory: Path) -> None:
    """Make a repository of every release, tagged, and the work tree as the next one.

    It borrows the history of the repository that is tested. Where that is not all there, Git says which commit is not.
    """
    git(ROOT, "clone", "--quiet", "--shared", "--no-checkout", ".", str(directory))
    for release in releases():
        tag(directory, release)
    git(directory, "checkout", "--quiet", "--detach", releases()[-1].tag)
    git(directory, "rm", "-r", "--quiet", ".")
    copy_work_tree(directory)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", NEXT)
    git(directory, "tag", "--force", NEXT)


def tag(directory: Path, release: Release) -> None:
    """Tag a release, or say how its commit can be had."""
    try:
        git(directory, "tag", "--force", release.tag, f"{release.commit}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise LookupError(
            f"{release.tag} is commit {release.commit}, which is not here: git fetch --unshallow"
        ) from error
