"""The mutation score by feature and by operator, and the surviving mutants as diffs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.harness.mutants.targets import feature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.harness.mutants.runner import Result


@dataclass(frozen=True)
class Score:
    """The killed and surviving mutants of a sample, and the tests that fail without a mutant."""

    seed: int
    results: Sequence[Result]
    failing: Mapping[str, set[str]]  # tests that fail without a mutant, by service

    @property
    def killed(self) -> int:
        return sum(result.killed for result in self.results)

    @property
    def rate(self) -> float:
        return self.killed / len(self.results)

    @property
    def survivors(self) -> list[Result]:
        return [result for result in self.results if not result.killed]

    def breakdown(self, name: Callable[[Result], str]) -> str:
        counts: dict[str, list[bool]] = defaultdict(list)
        for result in self.results:
            counts[name(result)].append(result.killed)
        return ", ".join(f"{each} {sum(killed)}/{len(killed)}" for each, killed in sorted(counts.items()))

    def lines(self) -> Iterator[str]:
        """Yield lines with the number of killed and surviving mutants."""
        yield f"Mutants: {self.killed} of {len(self.results)} killed ({self.rate:.0%}), seed {self.seed}"
        yield f"  by kind: {self.breakdown(lambda result: result.trial.mutant.kind)}"
        yield f"  by feature: {self.breakdown(lambda result: feature_of(result.trial.mutant.path))}"
        yield f"  by operator: {self.breakdown(lambda result: result.trial.mutant.operator)}"
        yield f"  by file: {self.breakdown(lambda result: result.trial.mutant.path.removeprefix('app/'))}"
        unreached = sum(not result.trial.tests for result in self.results)
        yield f"  {len(self.survivors)} survived, {unreached} of them reached by no test"
        yield f"  {sum(result.cpu for result in self.results):.0f} seconds of processors"
        for label, tests in self.failing.items():
            yield from (f"  fails without a mutant ({label}): {test}" for test in sorted(tests))

    def page(self) -> str:
        """Return a Markdown page of the score, the survivors and the killed mutants."""
        survivors = "\n".join(map(survivor, self.survivors))
        kills = "\n".join(map(kill, filter(lambda result: result.killed, self.results)))
        return "\n".join(["# Mutants", "", *self.lines(), "", "## Survivors", survivors, "## Killed", "", kills, ""])


def survivor(result: Result) -> str:
    """Format a surviving mutant as a diff, and as an entry for `equivalent.toml`."""
    mutant, number = result.trial.mutant, len(result.trial.tests)
    reached = f"{number} tests reach it ({result.cpu:.0f} s)" if number else "no test reaches it"
    return f"""
### {mutant}

{reached}, in {result.trial.service.label}: {change(result)}

```diff
{mutant.diff}
```
"""


def kill(result: Result) -> str:
    return f"- {result.trial.mutant}: {result.cause} {result.test} ({result.cpu:.1f} s): {change(result)}"


def change(result: Result) -> str:
    return "; ".join(f"`{old}` → `{new}`" for old, new in result.trial.mutant.changes)
