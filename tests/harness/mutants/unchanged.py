"""Which breaks were seen already: those of what is as it was in the last release, before which all are judged."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree
from tests.harness.updates.releases import lay_out, releases
from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.rendering import Tree
    from tests.harness.promises import Break

BREAKS = "tests/harness/promises"


class Since:
    """What has changed since the last release."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.release = releases()[-1]
        self.history = directory / "history"
        self.rendered: dict[str, Tree] = {}
        lay_out(self.history)

    @cached_property
    def texts(self) -> frozenset[str]:
        """All that the release's breaks say."""
        listed = git(self.history, "ls-tree", "--name-only", self.release.tag, f"{BREAKS}/").splitlines()
        modules = [ast.parse(self.release.file(path)) for path in listed if path.endswith(".py")]
        constants = [node.value for module in modules for node in ast.walk(module) if isinstance(node, ast.Constant)]
        return frozenset(text for text in constants if isinstance(text, str))

    def then(self, answers: Answers) -> Tree:
        """Render a service as the release had it."""
        label = all_questions().label(answers)
        if label not in self.rendered:
            render(self.history, self.directory / label, self.release.given(answers), self.release.tag)
            self.rendered[label] = tree(self.directory / label)
        return self.rendered[label]

    def is_killed(self, broken: Break, answers: Answers, now: Tree) -> bool:
        """Say whether a break, what it breaks, and the module of the test that sees it are what they were."""
        whole = all_questions().default | answers
        if not self.release.offers(whole) or not {broken.name, broken.old, broken.new, broken.test} <= self.texts | {
            ""
        }:
            return False
        then = self.then(whole)
        concerned = (broken.path, f"tests/{broken.test.partition('::')[0]}")
        return all(now.get(path) == then.get(path) for path in concerned)
