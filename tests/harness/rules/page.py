"""The page of the rules: each with its check, what breaks it in the harness, and what the check says then.

uv run python -m tests.harness.rules.page > docs/rules.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extensions.rules import RULES
from tests.harness.promises import BREAKS, Break
from tests.harness.rules.linter_mutants import MUTATIONS, Mutation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extensions.rules import Rule

HEAD = """\
# Rules with teeth

Each service has these rules, and a check for each: of ruff, mypy, import-linter or its own tests. The harness breaks
each rule in a service, and the check must fail and say these words. `tests/guidance/test_rules.py` and
`tests/matrix/test_promises.py` do so; `uv run python -m tests.harness.rules.page > docs/rules.md` writes this page.

| rule | check | broken by | what is said |
|---|---|---|---|
"""
TESTS = "tests/"


def proofs(rule: Rule) -> list[Mutation | Break]:
    """List what breaks a rule."""
    if rule.check.startswith(TESTS):
        return [broken for broken in BREAKS if TESTS + broken.test == rule.check and broken.says]
    return [mutation for mutation in MUTATIONS if mutation.check == rule.check]


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def rows(rule: Rule) -> Iterator[str]:
    for proof in proofs(rule):
        said = proof.says or f"{rule.check.partition(': ')[2]} BROKEN"
        yield f"| {cell(rule.says)} | `{rule.check}` | {cell(proof.name)} | {cell(said)} |"


def page() -> str:
    return HEAD + "\n".join(row for rule in RULES for row in rows(rule)) + "\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
