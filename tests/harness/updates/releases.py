"""The template's releases, rebuilt from the repository's history.

The work tree is the next release.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import yaml

from extensions.slipway_template.questionnaire import IncludeLoader
from tests.harness.combinations.questions import Questionnaire, all_questions, choices, rules
from tests.harness.workspace import ROOT, copy_work_tree, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.questions import Answers, Question

TABLE = ROOT / "releases.toml"
NEXT = "v999.0.0"  # the work tree


@dataclass(frozen=True)
class Release:
    """A release, with its version, its commit, and the oldest version that can be updated to it."""

    version: str
    commit: str
    oldest: str = ""

    def __str__(self) -> str:
        return self.tag

    @property
    def tag(self) -> str:
        return f"v{self.version}"

    def file(self, path: str) -> str:
        """Return a template file's text at this release."""
        return git(ROOT, "show", f"{self.commit}:{path}")

    @cached_property
    def questionnaire(self) -> Questionnaire:
        """The questions of this release."""
        questions, *_ = yaml.load_all(self.file("copier.yml"), IncludeLoader)
        visible = {
            name: question
            for name, question in questions.items()
            if not name.startswith("_") and question.get("when") is not False
        }
        return Questionnaire(visible, rules(visible))

    def offers(self, answers: Answers) -> bool:
        """Return whether a service of this release can have these answers.

        Questions added since are answered by their defaults.
        """
        questions, default = self.questionnaire.questions, all_questions().default
        return all(
            is_offered(questions[name], answer) if name in questions else answer == default[name]
            for name, answer in answers.items()
        )

    @cached_property
    def resource_keys(self) -> frozenset[str]:
        """The keys that a declared resource can have in this release."""
        schema = json.loads(self.file("resources.schema.json"))
        return frozenset(schema["properties"]["resources"]["items"]["properties"])

    def restrict(self, answers: Answers) -> Answers:
        """Return the answers to questions that this release has, without keys of resources that it does not have."""
        known = {name: answer for name, answer in answers.items() if name in self.questionnaire.questions}
        if "resources" in known:
            domain = known["resources"]
            known["resources"] = [{key: each[key] for key in each if key in self.resource_keys} for each in domain]
        return known


def is_offered(question: Question, answer: object) -> bool:
    offered = choices(question)
    return not offered or (set(answer) <= set(offered) if isinstance(answer, list) else answer in offered)


def releases() -> list[Release]:
    """Return all releases, oldest first."""
    with TABLE.open("rb") as table:
        entries = tomllib.load(table)["releases"]
    return [Release(entry["version"], entry["commit"], entry.get("from", "")) for entry in entries]


def later(release: Release) -> list[Release]:
    """Return the later releases that a service of this release can be updated to, oldest first."""
    listed = releases()
    places = {each.version: place for place, each in enumerate(listed)}
    place = places[release.version]
    return [each for each in listed[place + 1 :] if places.get(each.oldest, 0) <= place]


def build_history(directory: Path) -> None:
    """Build a template repository in which every release is tagged and the work tree is the next release.

    It shares the objects of the tested repository.

    Raises:
        LookupError: a release's commit is missing, as in a shallow clone.
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
    """Create a Git tag for a release.

    Raises:
        LookupError: its commit is missing.
    """
    try:
        git(directory, "tag", "--force", release.tag, f"{release.commit}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise LookupError(
            f"{release.tag} is commit {release.commit}, which is missing here: git fetch --unshallow"
        ) from error
