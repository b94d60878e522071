"""The Jinja variables and the file paths of each combination, computed by Copier without rendering a file."""

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


RECORD = ".copier-answers.yml"  # Copier's answers file, which differs in every combination
RECORDED = "_copier_conf"
# The only loop in paths of the template: one file per entry of a list, named by an attribute of the entry.
LOOP = re.compile(r"\{% yield resource from plan\.(\w+) %\}\{\{ resource\.(\w+) \}\}\{% endyield %\}")
Loop = tuple[str, str]  # the list, and the attribute


def names(plan: Mapping[str, Any], loop: Loop) -> tuple[str, ...]:
    """Return the name of each file that a loop in a template path produces."""
    entries, attribute = loop
    return tuple(entry[attribute] for entry in plan.get(entries, []))


@dataclass(frozen=True, slots=True)
class Combination:
    """A combination of answers, with the paths and Jinja values that Copier computes from it.

    `excluded` has the entries of the variable of that name, `paths` the candidates before exclusions, and `values` a
    number for each Jinja value.
    """

    answers: Answers
    excluded: frozenset[str]
    paths: frozenset[str]
    values: tuple[int, ...]


@dataclass(frozen=True)
class Computed:
    """A hidden Copier question, whose default is computed from the answers to other questions."""

    name: str
    default: jinja2.Template
    read: tuple[str, ...]


@dataclass(frozen=True)
class ComputedValue:
    """The value of a hidden question, with numbers by which equal values are recognised.

    `number` identifies the value, and `facts` each of its entries.
    """

    value: Any
    number: int
    facts: dict[Fact, int]


def reads_copier_internals(read: set[str]) -> bool:
    """Return whether a value reads Copier's internal variables, whose names start with an underscore."""
    return any(name.startswith("_") for name in read)


class FileFacts:
    """Compute the Jinja variables and the paths of combinations without rendering a file.

    `indexes` maps each fact to its index in `Combination.values`; equal values have equal numbers.
    """

    def __init__(self, template: Path) -> None:
        self.worker = Worker(src_path=str(template), defaults=True, quiet=True, unsafe=True)
        self.environment = self.worker.jinja_env
        self.computed = [
            Computed(name, self.environment.from_string(question["default"]), tuple(sorted(read)))
            for name, question in self.worker.template.questions_data.items()
            if question.get("when") is False and not reads_copier_internals(read := self.variables(question["default"]))
        ]
        self.indexes: dict[Fact, int] = {}
        self.numbers: dict[str, int] = {}
        self.computed_values: dict[tuple[str, tuple[int, ...]], ComputedValue] = {}
        self.paths: frozenset[str] = frozenset()  # of all combinations so far
        self.excluded_sets: dict[tuple[str, ...], frozenset[str]] = {}

    def variables(self, source: str) -> set[str]:
        return meta.find_undeclared_variables(self.environment.parse(source))

    def combination(self, answers: Answers) -> Combination:
        """Compute the Jinja values and the file paths of a combination of answers."""
        values_by_name: dict[str, Any] = dict(answers)
        numbers = {name: self.number(value) for name, value in answers.items()}
        facts: dict[Fact, int] = {(name,): number for name, number in numbers.items()}
        for computed in self.computed:
            read = computed.name, tuple([numbers[name] for name in computed.read])
            if read not in self.computed_values:  # equal inputs give equal values
                self.computed_values[read] = self.result(computed, values_by_name)
            result = self.computed_values[read]
            values_by_name[computed.name], numbers[computed.name] = result.value, result.number
            facts |= result.facts
        self.indexes = self.indexes or {fact: index for index, fact in enumerate(facts)}
        assert self.indexes.keys() == facts.keys(), "combinations have different facts"
        paths = self.paths_of(*(names(values_by_name["plan"], loop) for loop in self.loops))
        excluded = tuple(values_by_name["excluded"])
        excluded_set = self.excluded_sets.setdefault(excluded, frozenset(excluded))
        return Combination(answers, excluded_set, paths, tuple(facts.values()))

    def result(self, computed: Computed, values_by_name: dict[str, Any]) -> ComputedValue:
        value = json.loads(computed.default.render(values_by_name))
        parts = value if isinstance(value, dict) else {}
        facts: dict[Fact, int] = {(computed.name, part): self.number(each) for part, each in parts.items()}
        number = self.number(value)
        return ComputedValue(value, number, facts or {(computed.name,): number})

    def number(self, value: Any) -> int:  # noqa: ANN401 - any answer or computed value
        return self.numbers.setdefault(json.dumps(value, default=str), len(self.numbers))

    @cached_property
    def sources(self) -> dict[str, Path]:
        """Map each template file's name, without the suffix `.jinja`, to its path in the repository.

        The name may contain a Jinja loop.
        """
        root, suffix = self.worker.template_copy_root, self.worker.template.templates_suffix
        files = [path for path in root.rglob("*") if path.is_file()]
        return {path.relative_to(root).as_posix().removesuffix(suffix): path.relative_to(self.root) for path in files}

    @property
    def root(self) -> Path:
        return self.worker.template.local_abspath

    @cached_property
    def file_names(self) -> frozenset[str]:
        """Return the names of all template files except the answers file."""
        return frozenset(name for name in self.sources if RECORDED not in name)

    def source(self, path: str, plan: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Return the template file that renders a path, and the list entry if the path is in a loop."""
        if path == RECORD:
            return next(source for name, source in self.sources.items() if RECORDED in name), {}
        if path in self.static:
            return self.sources[path], {}
        for name in self.file_names - self.static:
            for loop in LOOP.finditer(name):
                for entry in plan[loop[1]]:
                    if LOOP.sub(entry[loop[2]], name) == path:
                        return self.sources[name], {"resource": entry}
        raise LookupError(f"no file of the template renders {path}")

    @cached_property
    def static(self) -> frozenset[str]:
        return frozenset(name for name in self.file_names if "{" not in name)

    @cached_property
    def loops(self) -> list[Loop]:
        """Return each loop in the template's paths, as a list of the plan and the attribute that names the files."""
        matches = {name: LOOP.search(name) for name in self.file_names - self.static}
        unsupported = [name for name, loop in matches.items() if loop is None]
        assert not unsupported, f"the harness does not support these paths: {unsupported}"
        return sorted({(loop[1], loop[2]) for loop in matches.values() if loop})

    @cache  # noqa: B019 - an instance exists until the run ends
    def paths_of(self, *entries: tuple[str, ...]) -> frozenset[str]:
        """Return all candidate paths, given the file names that each loop produces.

        Exclusions are not applied.
        """
        listed = dict(zip(self.loops, entries, strict=True))
        loops = [(LOOP.search(name), name) for name in self.file_names - self.static]
        looped = (LOOP.sub(entry, name) for loop, name in loops if loop for entry in listed[loop[1], loop[2]])
        paths = self.static.union(looped)
        self.paths |= paths
        return paths

    @cached_property
    def exclusions(self) -> list[jinja2.Template]:
        return [self.environment.from_string(pattern) for pattern in self.worker.all_exclusions]

    @cache  # noqa: B019 - an instance exists until the run ends
    def excluded_by(self, excluded: str) -> frozenset[str]:
        """Return the paths that one entry of the variable `excluded` excludes.

        The patterns have no exceptions (`!`), so the exclusions of several entries are a union.
        """
        rendered = [pattern.render(excluded=[excluded]) for pattern in self.exclusions]
        patterns = [line for pattern in rendered for line in re.split(r"\r?\n|\r", pattern)]
        assert not any(line.lstrip().startswith("!") for line in patterns), "an exception to an exclusion"
        is_excluded = self.worker._path_matcher(patterns)  # noqa: SLF001 - Copier's own matching
        return frozenset(path for path in self.paths if is_excluded(Path(path)))
