"""Which tests of a service reach which lines of its modules, found by one run under coverage and cached by content.

Each test module has an entry of its own, so that a change of one module's tests needs the coverage of that one only.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from coverage import CoverageData

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.harness.combinations.services import Service
    from tests.harness.mutants.mutation import Mutant

PLUGIN = Path(__file__).with_name("plugin.py")
FIXTURE = "@"  # before the name of a fixture, where the lines are those of what several tests share
IMPORT = ""  # where a line ran when modules were imported
VERSION = 2  # of what is kept
PASSED = frozenset({"passed", "unstable"})  # the latter failed once, as on a busy machine
Contexts = dict[str, list[int]]  # lines, by test or fixture


@dataclass
class Module:
    """What is known of the tests of one module."""

    tests: dict[str, dict[str, Any]] = field(default_factory=dict)  # seconds, outcome, shared
    lines: dict[str, Contexts] = field(default_factory=dict)  # by the path of a module of `app`

    @property
    def passed(self) -> bool:
        return all(test["outcome"] in PASSED for test in self.tests.values())


def test_modules(service: Service) -> list[str]:
    return [path for path in service.code if is_test_module(path)]


def is_test_module(path: str) -> bool:
    return path.startswith("tests/") and PurePosixPath(path).name.startswith("test_") and path.endswith(".py")


class Cache:
    """The maps of earlier runs, by all that they depend on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def place(self, service: Service, module: str) -> Path:
        shared = [(path, file.content) for path, file in service.code.items() if not is_test_module(path)]
        parts = (shared, module, service.code[module].content, PLUGIN.read_bytes(), sys.version, VERSION)
        return self.directory / f"{hashlib.sha256(repr(parts).encode()).hexdigest()}.json.gz"

    def recall(self, service: Service, module: str) -> Module | None:
        place = self.place(service, module)
        return Module(**json.loads(gzip.decompress(place.read_bytes()))) if place.exists() else None

    def recall_all(self, service: Service) -> dict[str, Module]:
        found = {module: self.recall(service, module) for module in test_modules(service)}
        return {module: each for module, each in found.items() if each}

    def keep(self, service: Service, module: str, found: Module) -> None:
        content = json.dumps({"tests": found.tests, "lines": found.lines}).encode()
        self.place(service, module).write_bytes(gzip.compress(content))


def results(directory: Path) -> list[dict[str, Any]]:
    """Read what the plugin has recorded; what ended in the middle of a line has not recorded that one."""
    recorded = directory / "mutants_results.jsonl"
    lines = recorded.read_text(encoding="utf-8").splitlines(keepends=True) if recorded.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def measured(directory: Path, modules: Iterable[str]) -> dict[str, Module]:
    """Read what a run of test modules under coverage has recorded."""
    found = {name: Module() for name in modules}
    for result in results(directory):
        if name := result.get("collected"):
            found[module_of(name)].tests[name] = {"shared": result["shared"], "seconds": 0, "outcome": "missing"}
        elif name := result.get("test"):
            found[module_of(name)].tests[name] |= {"seconds": result.get("seconds", 0), "outcome": result["outcome"]}
    for path, name, lines in covered(directory):
        of_all = name == IMPORT or name.startswith(FIXTURE)
        for module in found.values() if of_all else filter(None, [found.get(module_of(name))]):
            contexts = module.lines.setdefault(path, {})
            contexts[name] = sorted({*contexts.get(name, []), *lines})
    return found


def module_of(test: str) -> str:
    return test.partition("::")[0]


def covered(directory: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Yield the lines of each file that each test or fixture reached, in this process or in one that it started."""
    for file in directory.glob("mutants.coverage.*"):
        data = CoverageData(str(file))
        data.read()
        for name in data.measured_contexts():
            context = name.rpartition(" (")[0] if name.endswith((" (call)", " (setup)", " (teardown)")) else name
            data.set_query_context(name)
            for path in data.measured_files():
                if lines := data.lines(path):
                    yield f"app/{path.rpartition('/app/')[2]}", context, lines


@dataclass
class CoverageMap:
    """The tests that reach each line of a service."""

    service: Service
    modules: Mapping[str, Module]

    @cached_property
    def tests(self) -> dict[str, dict[str, Any]]:
        """The tests that pass, with what is known of them."""
        every = {name: test for module in self.modules.values() for name, test in module.tests.items()}
        return {name: test for name, test in every.items() if test["outcome"] in PASSED}

    @cached_property
    def failing(self) -> list[str]:
        return [
            name
            for module in self.modules.values()
            for name, test in module.tests.items()
            if test["outcome"] not in {*PASSED, "missing"}
        ]

    @cached_property
    def sharing(self) -> dict[str, set[str]]:
        """The tests that use each fixture that is set up once for several."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, test in self.tests.items():
            for fixture in test["shared"]:
                found[FIXTURE + fixture].add(name)
        return found

    @cached_property
    def lines(self) -> dict[str, dict[int, set[str]]]:
        """The tests that run each line of each file."""
        found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for path, name, lines in self.contexts():
            if name != IMPORT:
                for line in lines:
                    found[path][line] |= self.sharing[name] if name.startswith(FIXTURE) else {name}
        return found

    def contexts(self) -> Iterator[tuple[str, str, list[int]]]:
        for module in self.modules.values():
            for path, contexts in module.lines.items():
                for name, lines in contexts.items():
                    yield path, name, lines

    @cached_property
    def imported(self) -> dict[str, set[int]]:
        """The lines of each file that run when it is imported, or another one."""
        found: dict[str, set[int]] = defaultdict(set)
        for path, name, lines in self.contexts():
            if name == IMPORT:
                found[path].update(lines)
        return found

    @cached_property
    def breadth(self) -> dict[str, Counter[str]]:
        """How many lines of each file each test runs."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for path, name, lines in self.contexts():
            found[name][path] += len(lines)
        return found

    @cached_property
    def importers(self) -> dict[str, set[str]]:
        """The files of a service that import each of its modules."""
        found: dict[str, set[str]] = defaultdict(set)
        for path, file in self.service.code.items():
            if path.endswith(".py"):
                for imported in imports(path, ast.parse(file.content)):
                    for candidate in (f"{imported.replace('.', '/')}.py", f"{imported.replace('.', '/')}/__init__.py"):
                        if candidate in self.service.code and candidate != path:
                            found[candidate].add(path)
        return found

    def reaching(self, mutant: Mutant) -> list[str]:
        """List the tests that reach a mutant, the likeliest to notice it first."""
        lines = range(mutant.lines[0], mutant.lines[1] + 1)
        found = set[str]().union(*(self.lines[mutant.path].get(line, set()) for line in lines))
        if mutant.runs_once or not self.imported[mutant.path].isdisjoint(lines):
            found |= self.reaching_file(mutant.path)
        return self.ordered(mutant.path, found & self.tests.keys())

    def ordered(self, path: str, tests: set[str]) -> list[str]:
        """Put first what shares words with the file, then one test of each module after the other."""
        places: Counter[str] = Counter()
        ranks = {}
        for name in sorted(tests, key=lambda name: (-self.share(path, name), name)):
            ranks[name] = places[module_of(name)]
            places[module_of(name)] += 1
        likely = {name: len(words(path) & words(module_of(name))) for name in tests}
        return sorted(tests, key=lambda name: (-likely[name], ranks[name], -self.share(path, name), name))

    def share(self, path: str, test: str) -> float:
        """Say how much of what a test runs is of one file."""
        lines = self.breadth[test]
        return lines[path] / (lines.total() or 1)

    def reaching_file(self, path: str) -> set[str]:
        """Find the tests of what runs at import: those that run any line of the file, or of a file that imports it."""
        found, files, met = self.running(path), self.importers[path], {path}
        while files:
            met |= files
            found |= set[str]().union(*map(self.running, files))
            files = set() if found else set[str]().union(*(self.importers[each] for each in files)) - met
        return found

    def running(self, path: str) -> set[str]:
        """Find the tests that run lines of a module's functions, or that import it themselves."""
        found = set[str]().union(*self.lines.get(path, {}).values())
        importing = {each for each in self.importers[path] if is_test_module(each)}
        return found | {name for name in self.tests if module_of(name) in importing}


def words(path: str) -> set[str]:
    """Take the words of a path, of which those that a module and its tests share tell that they belong together."""
    parts = PurePosixPath(path).with_suffix("").parts[1:]
    return {word for part in parts for word in part.split("_")} - {
        "test",
        "services",
        "routers",
        "models",
        "schemas",
        "",
    }


def imports(path: str, tree: ast.AST) -> Iterator[str]:
    """Yield the names of what a module imports: modules, and what could be modules of a package."""
    package = PurePosixPath(path).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
