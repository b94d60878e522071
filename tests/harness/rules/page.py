"""Generate `docs/rules.md`: each rule, its check, a mutant that violates it, and the reported message.

uv run python -m tests.harness.rules.page > docs/rules.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extensions.slipway_template.rules import RULES
from tests.harness.promises import BREAKS, Break
from tests.harness.rules.linter_mutants import LINTER_MUTANTS, LinterMutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extensions.slipway_template.rules import Rule

HEAD = """\
# Rules

Each coding rule of a service has a check, by ruff, mypy, import-linter or a test of the service. The table shows code
that violates the rule, and the message with which the check must then fail. `tests/guidance/test_rules.py` and
`tests/matrix/test_promises.py` edit the code of a service in this way, and run the checks.
`uv run python -m tests.harness.rules.page > docs/rules.md` generates this page.

| Rule | Check | Violation | Message |
|---|---|---|---|
"""
TESTS = "tests/"


def proofs(rule: Rule) -> list[LinterMutant | Break]:
    """Return the deliberate violations that prove that a rule's check works."""
    if rule.check.startswith(TESTS):
        return [broken for broken in BREAKS if TESTS + broken.test == rule.check and broken.says]
    return [mutant for mutant in LINTER_MUTANTS if mutant.check == rule.check]


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def rows(rule: Rule) -> Iterator[str]:
    for proof in proofs(rule):
        message = proof.says or f"{rule.check.partition(': ')[2]} BROKEN"
        yield f"| {escaped(rule.says)} | `{rule.check}` | {escaped(proof.name)} | {escaped(message)} |"


def page() -> str:
    return HEAD + "\n".join(row for rule in RULES for row in rows(rule)) + "\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
