"""What the files of a template may read, and which of them exist: asked of Copier and of the template's extensions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copier._main import Worker
from jinja2 import meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jinja2

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.recorder import Fact


RECORD = ".copier-answers.yml"  # Copier's own, of all answers, and so another one in every combination
RECORDED = "_copier_conf"
# The one way in which a path of the template gives several.
LOOP = re.compile(r"\{% yield resource from plan\.(\w+) %\}\{\{ resource\.name \}\}\{% endyield %\}")


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


@dataclass(frozen=True, slots=True)
class Combination:
    """Answers, the features that they leave out, the paths of the rest, and the numbers of all that a file may read."""

    answers: Answers
    omitted: frozenset[str]
    paths: frozenset[str]
    values: tuple[int, ...]


@dataclass(frozen=True)
class Computed:
    """What no question asks, and what it is computed of."""

    name: str
    default: jinja2.Template
    read: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What was computed, and the numbers of all of it that a file may read."""

    value: Any
    number: int
    facts: dict[Fact, int]


def is_copiers(read: set[str]) -> bool:
    """Say whether something is computed of how Copier was called, rather than of the answers."""
    return any(name.startswith("_") for name in read)


class FileFacts:
    """Tells what Copier would know of a combination, without rendering a file.

    `places` says where each fact stands in `Combination.values`; equal values of a fact have the same number.
    """

    def __init__(self, template: Path) -> None:
        self.worker = Worker(src_path=str(template), defaults=True, quiet=True, unsafe=True)
        self.environment = self.worker.jinja_env
        self.computed = [
            Computed(name, self.environment.from_string(question["default"]), tuple(sorted(read)))
            for name, question in self.worker.template.questions_data.items()
            if question.get("when") is False and not is_copiers(read := self.read_by(question["default"]))
        ]
        self.places: dict[Fact, int] = {}
        self.numbers: dict[str, int] = {}
        self.found: dict[tuple[str, tuple[int, ...]], Result] = {}
        self.paths: frozenset[str] = frozenset()  # of all combinations so far
        self.leavings: dict[tuple[str, ...], frozenset[str]] = {}

    def read_by(self, source: str) -> set[str]:
        return meta.find_undeclared_variables(self.environment.parse(source))

    def combination(self, answers: Answers) -> Combination:
        """Tell all that a file may read of these answers: each, and what is computed of them, as Copier does."""
        known: dict[str, Any] = dict(answers)
        numbers = {name: self.number(value) for name, value in answers.items()}
        facts: dict[Fact, int] = {(name,): number for name, number in numbers.items()}
        for computed in self.computed:
            read = computed.name, tuple([numbers[name] for name in computed.read])
            if read not in self.found:  # what reads the same gives the same
                self.found[read] = self.result(computed, known)
            found = self.found[read]
            known[computed.name], numbers[computed.name] = found.value, found.number
            facts |= found.facts
        self.places = self.places or {fact: place for place, fact in enumerate(facts)}
        assert self.places.keys() == facts.keys(), "what can be read differs from one combination to the next"
        paths = self.given(*(tuple(names(known["plan"].get(loop, []))) for loop in self.loops))
        omitted = tuple(known["omitted"])
        left = self.leavings.setdefault(omitted, frozenset(omitted))
        return Combination(answers, left, paths, tuple(facts.values()))

    def result(self, computed: Computed, known: dict[str, Any]) -> Result:
        value = json.loads(computed.default.render(known))
        parts = value if isinstance(value, dict) else {}
        facts: dict[Fact, int] = {(computed.name, part): self.number(each) for part, each in parts.items()}
        number = self.number(value)
        return Result(value, number, facts or {(computed.name,): number})

    def number(self, value: Any) -> int:  # noqa: ANN401 - whatever is answered or computed
        return self.numbers.setdefault(json.dumps(value, default=str), len(self.numbers))

    @cached_property
    def sources(self) -> dict[str, Path]:
        """Map the name of each file as it stands in the template to its path below the template's root."""
        root, suffix = self.worker.template_copy_root, self.worker.template.templates_suffix
        found = [path for path in root.rglob("*") if path.is_file()]
        return {path.relative_to(root).as_posix().removesuffix(suffix): path.relative_to(self.root) for path in found}

    @property
    def root(self) -> Path:
        return self.worker.template.local_abspath

    @cached_property
    def named(self) -> frozenset[str]:
        """The name of every file of the template, as it stands there, but for Copier's record of the answers."""
        return frozenset(name for name in self.sources if RECORDED not in name)

    def source(self, path: str, plan: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Find the file of the template that gives a path, and the entry of the list by which it does."""
        if path == RECORD:
            return next(source for name, source in self.sources.items() if RECORDED in name), {}
        if path in self.static:
            return self.sources[path], {}
        for name in self.named - self.static:
            for loop in LOOP.finditer(name):
                for entry in plan[loop[1]]:
                    if LOOP.sub(entry["name"], name) == path:
                        return self.sources[name], {"resource": entry}
        raise LookupError(f"no file of the template gives {path}")

    @cached_property
    def static(self) -> frozenset[str]:
        return frozenset(name for name in self.named if "{" not in name)

    @cached_property
    def loops(self) -> list[str]:
        """The lists of the plan that give a file for each of their entries."""
        found = {name: LOOP.search(name) for name in self.named - self.static}
        strange = [name for name, loop in found.items() if loop is None]
        assert not strange, f"the harness does not know what these paths become: {strange}"
        return sorted({loop[1] for loop in found.values() if loop})

    @cache  # noqa: B019 - it lives as long as the run
    def given(self, *entries: tuple[str, ...]) -> frozenset[str]:
        """List the paths that there are where lists have these names, before any is left out."""
        listed = dict(zip(self.loops, entries, strict=True))
        paths = [(LOOP.search(name), name) for name in self.named - self.static]
        looped = (LOOP.sub(entry, name) for loop, name in paths if loop for entry in listed[loop[1]])
        found = self.static.union(looped)
        self.paths |= found
        return found

    @cached_property
    def exclusions(self) -> list[jinja2.Template]:
        return [self.environment.from_string(pattern) for pattern in self.worker.all_exclusions]

    @cache  # noqa: B019 - it lives as long as the run
    def left_out(self, omitted: str) -> frozenset[str]:
        """List the paths that one omitted feature takes along.

        The patterns have no exceptions (`!`), so several omitted features take along what each of them does.
        """
        rendered = [pattern.render(omitted=[omitted]) for pattern in self.exclusions]
        patterns = [line for pattern in rendered for line in re.split(r"\r?\n|\r", pattern)]
        assert not any(line.lstrip().startswith("!") for line in patterns), "an exception to an exclusion"
        is_excluded = self.worker._path_matcher(patterns)  # noqa: SLF001 - so that the patterns mean what Copier means
        return frozenset(path for path in self.paths if is_excluded(Path(path)))
