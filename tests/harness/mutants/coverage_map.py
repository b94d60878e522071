"""The coverage map, which lists the tests that run each line of a service's modules and is cached by content.

Each test module has its own cache entry: a change of one module's tests requires a new measurement of that module only.
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
FIXTURE = "@"  # prefix of a context that is a fixture shared by several tests
IMPORT = ""  # context of lines that run when modules are imported
VERSION = 2  # of the cache format
PASSED = frozenset({"passed", "unstable"})  # unstable: failed once, then passed, as on a busy machine
Contexts = dict[str, list[int]]  # line numbers by test or fixture


@dataclass
class Module:
    """The coverage of one test module: its tests, and the lines of `app/` that they run."""

    tests: dict[str, dict[str, Any]] = field(default_factory=dict)  # duration in seconds, outcome, shared fixtures
    lines: dict[str, Contexts] = field(default_factory=dict)  # contexts by path of a module of `app`

    @property
    def passed(self) -> bool:
        return all(test["outcome"] in PASSED for test in self.tests.values())


def test_modules(service: Service) -> list[str]:
    return [path for path in service.code if is_test_module(path)]


def is_test_module(path: str) -> bool:
    return path.startswith("tests/") and PurePosixPath(path).name.startswith("test_") and path.endswith(".py")


class Cache:
    """A directory of measured coverage, each file named by a digest of the service's code and the test module."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, service: Service, module: str) -> Path:
        shared = [(path, file.content) for path, file in service.code.items() if not is_test_module(path)]
        parts = (shared, module, service.code[module].content, PLUGIN.read_bytes(), sys.version, VERSION)
        return self.directory / f"{hashlib.sha256(repr(parts).encode()).hexdigest()}.json.gz"

    def get(self, service: Service, name: str) -> Module | None:
        path = self.path(service, name)
        return Module(**json.loads(gzip.decompress(path.read_bytes()))) if path.exists() else None

    def get_all(self, service: Service) -> dict[str, Module]:
        cached = {name: self.get(service, name) for name in test_modules(service)}
        return {name: module for name, module in cached.items() if module}

    def put(self, service: Service, name: str, module: Module) -> None:
        content = json.dumps({"tests": module.tests, "lines": module.lines}).encode()
        self.path(service, name).write_bytes(gzip.compress(content))


def read_records(directory: Path) -> list[dict[str, Any]]:
    """Return the records that the pytest plugin wrote, without an incomplete last line."""
    recorded = directory / "mutants_results.jsonl"
    lines = recorded.read_text(encoding="utf-8").splitlines(keepends=True) if recorded.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def read_modules(directory: Path, modules: Iterable[str]) -> dict[str, Module]:
    """Return the coverage of each test module that a pytest run measured."""
    by_name = {name: Module() for name in modules}
    for record in read_records(directory):
        if name := record.get("collected"):
            by_name[module_of(name)].tests[name] = {"shared": record["shared"], "seconds": 0, "outcome": "missing"}
        elif name := record.get("test"):
            by_name[module_of(name)].tests[name] |= {"seconds": record.get("seconds", 0), "outcome": record["outcome"]}
    for path, name, lines in covered_lines(directory):
        is_shared = name == IMPORT or name.startswith(FIXTURE)
        for module in by_name.values() if is_shared else filter(None, [by_name.get(module_of(name))]):
            contexts = module.lines.setdefault(path, {})
            contexts[name] = sorted({*contexts.get(name, []), *lines})
    return by_name


def module_of(test: str) -> str:
    return test.partition("::")[0]


def covered_lines(directory: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Yield the path and the line numbers that each test or fixture ran, including in subprocesses."""
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
    """The tests that run each line of a service."""

    service: Service
    modules: Mapping[str, Module]

    @cached_property
    def tests(self) -> dict[str, dict[str, Any]]:
        """The passed tests of all test modules, each with its duration, outcome and shared fixtures."""
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
    def fixture_users(self) -> dict[str, set[str]]:
        """The names of the tests that use each shared fixture, by the fixture's coverage context."""
        users: dict[str, set[str]] = defaultdict(set)
        for name, test in self.tests.items():
            for fixture in test["shared"]:
                users[FIXTURE + fixture].add(name)
        return users

    @cached_property
    def lines(self) -> dict[str, dict[int, set[str]]]:
        """The names of the tests that run each line, by path and line number."""
        tests: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for path, name, lines in self.contexts():
            if name != IMPORT:
                for line in lines:
                    tests[path][line] |= self.fixture_users[name] if name.startswith(FIXTURE) else {name}
        return tests

    def contexts(self) -> Iterator[tuple[str, str, list[int]]]:
        for module in self.modules.values():
            for path, contexts in module.lines.items():
                for name, lines in contexts.items():
                    yield path, name, lines

    @cached_property
    def import_lines(self) -> dict[str, set[int]]:
        """The numbers of the lines that run when a module is imported, by path."""
        by_path: dict[str, set[int]] = defaultdict(set)
        for path, name, lines in self.contexts():
            if name == IMPORT:
                by_path[path].update(lines)
        return by_path

    @cached_property
    def line_counts(self) -> dict[str, Counter[str]]:
        """The number of lines of each file that each test runs."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for path, name, lines in self.contexts():
            counts[name][path] += len(lines)
        return counts

    @cached_property
    def importers(self) -> dict[str, set[str]]:
        """The files of a service that import each of its modules."""
        by_module: dict[str, set[str]] = defaultdict(set)
        for path, file in self.service.code.items():
            if path.endswith(".py"):
                for imported in imports(path, ast.parse(file.content)):
                    for candidate in (f"{imported.replace('.', '/')}.py", f"{imported.replace('.', '/')}/__init__.py"):
                        if candidate in self.service.code and candidate != path:
                            by_module[candidate].add(path)
        return by_module

    def reaching(self, mutant: Mutant) -> list[str]:
        """Return the tests that run a mutant's lines, the most likely to fail first.

        If the lines run during an import, tests of the module and of its importers are included.
        """
        lines = range(mutant.lines[0], mutant.lines[1] + 1)
        tests = set[str]().union(*(self.lines[mutant.path].get(line, set()) for line in lines))
        if mutant.runs_once or not self.import_lines[mutant.path].isdisjoint(lines):
            tests |= self.reaching_import_of(mutant.path)
        return self.ordered(mutant.path, tests & self.tests.keys())

    def ordered(self, path: str, tests: set[str]) -> list[str]:
        """Sort tests so that test modules named like the mutated file come first.

        Equally ranked modules alternate, so that each runs early.
        """
        ranked: Counter[str] = Counter()
        ranks = {}
        for name in sorted(tests, key=lambda name: (-self.share(path, name), name)):
            ranks[name] = ranked[module_of(name)]
            ranked[module_of(name)] += 1
        common_words = {name: len(words(path) & words(module_of(name))) for name in tests}
        return sorted(tests, key=lambda name: (-common_words[name], ranks[name], -self.share(path, name), name))

    def share(self, path: str, test: str) -> float:
        """Return the fraction of a test's executed lines that are in one file."""
        lines = self.line_counts[test]
        return lines[path] / (lines.total() or 1)

    def reaching_import_of(self, path: str) -> set[str]:
        """Return the tests that a change of a module's import-time code may affect.

        They run functions of the module or of its importers; importers of importers count if no such test exists.
        """
        tests, files, visited = self.running(path), self.importers[path], {path}
        while files:
            visited |= files
            tests |= set[str]().union(*map(self.running, files))
            files = set() if tests else set[str]().union(*(self.importers[each] for each in files)) - visited
        return tests

    def running(self, path: str) -> set[str]:
        """Return the tests that run a module's functions, and all tests of test modules that import it."""
        tests = set[str]().union(*self.lines.get(path, {}).values())
        importing = {each for each in self.importers[path] if is_test_module(each)}
        return tests | {name for name in self.tests if module_of(name) in importing}


def words(path: str) -> set[str]:
    """Return the words of a path, by which a module and its tests are matched."""
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
    """Yield the modules that a module imports, and the imported names, which may be submodules."""
    package = PurePosixPath(path).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
