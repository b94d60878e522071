"""Which tests of a service reach which lines of its modules, found by one run under coverage and cached by content.

Each test module has an entry of its own, so that a change of one module's tests needs the coverage of that one only.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from coverage import CoverageData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.mutants.mutation import Mutant
    from tests.harness.services import Service

PLUGIN = Path(__file__).with_name("plugin.py")
FIXTURE = "@"  # before the name of a fixture, where the lines are those of what several tests share
Contexts = dict[str, list[int]]  # lines, by test or fixture


@dataclass
class Module:
    """What is known of the tests of one module."""

    tests: dict[str, dict[str, Any]] = field(default_factory=dict)  # seconds, outcome, shared
    lines: dict[str, Contexts] = field(default_factory=dict)  # by the path of a module of `app`


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
        parts = (shared, module, service.code[module].content, PLUGIN.read_bytes(), sys.version)
        return self.directory / f"{hashlib.sha256(repr(parts).encode()).hexdigest()}.json.gz"

    def recall(self, service: Service, module: str) -> Module | None:
        place = self.place(service, module)
        return Module(**json.loads(gzip.decompress(place.read_bytes()))) if place.exists() else None

    def keep(self, service: Service, module: str, found: Module) -> None:
        content = json.dumps({"tests": found.tests, "lines": found.lines}).encode()
        self.place(service, module).write_bytes(gzip.compress(content))


def results(directory: Path) -> list[dict[str, Any]]:
    """Read what the plugin has recorded."""
    told = directory / "mutants_results.jsonl"
    return [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()] if told.exists() else []


def measured(directory: Path) -> dict[str, Module]:
    """Read what a run under coverage has recorded, by test module."""
    found: dict[str, Module] = defaultdict(Module)
    for result in results(directory):
        if name := result.get("collected"):
            found[name.partition("::")[0]].tests[name] = {
                "shared": result["shared"],
                "seconds": 0,
                "outcome": "missing",
            }
        elif name := result.get("test"):
            found[name.partition("::")[0]].tests[name] |= {
                "seconds": result.get("seconds", 0),
                "outcome": result["outcome"],
            }
    for path, name, lines in covered(directory):
        module = name.partition("::")[0]
        of = found.values() if name.startswith(FIXTURE) else [found[module]] if module in found else []
        for each in of:
            of_path = each.lines.setdefault(path, {})
            of_path[name] = sorted({*of_path.get(name, []), *lines})
    return dict(found)


def covered(directory: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Yield the lines of each file that each test or fixture reached, in this process or in one that it started."""
    for file in directory.glob("mutants.coverage.*"):
        data = CoverageData(str(file))
        data.read()
        for name in data.measured_contexts():
            context = name.rpartition(" (")[0] if name.endswith((" (call)", " (setup)", " (teardown)")) else name
            if context:
                data.set_query_context(name)
                for path in data.measured_files():
                    if lines := data.lines(path):
                        yield Path(path).relative_to(directory).as_posix(), context, lines


@dataclass
class CoverageMap:
    """The tests that reach each line of a service."""

    service: Service
    modules: Mapping[str, Module]

    @cached_property
    def tests(self) -> dict[str, dict[str, Any]]:
        """The tests that pass, with what is known of them."""
        every = {name: test for module in self.modules.values() for name, test in module.tests.items()}
        return {name: test for name, test in every.items() if test["outcome"] == "passed"}

    @cached_property
    def failing(self) -> list[str]:
        return [
            name
            for module in self.modules.values()
            for name, test in module.tests.items()
            if test["outcome"] not in {"passed", "missing"}
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
        found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for module in self.modules.values():
            for path, contexts in module.lines.items():
                for name, lines in contexts.items():
                    reached_by = self.sharing.get(name, set()) if name.startswith(FIXTURE) else {name}
                    for line in lines:
                        found[path][line] |= reached_by
        return found

    @cached_property
    def breadth(self) -> dict[str, int]:
        """How many lines each test reaches."""
        found: dict[str, int] = defaultdict(int)
        for module in self.modules.values():
            for contexts in module.lines.values():
                for name, lines in contexts.items():
                    found[name] += len(lines)
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
        """List the tests that reach a mutant, those first that are most likely about it."""
        first, last = mutant.lines
        by_line = self.lines.get(mutant.path, {})
        found = set[str]().union(*(by_line.get(line, set()) for line in range(first, last + 1)))
        if mutant.runs_at_import:
            found |= self.reaching_file(mutant.path)
        return sorted(found & self.tests.keys(), key=lambda name: self.order(mutant.path, name))

    def order(self, path: str, name: str) -> tuple[object, ...]:
        about = words(path) & words(name.partition("::")[0])
        return -len(about), self.breadth[name], name

    def reaching_file(self, path: str) -> set[str]:
        """Find the tests of what is evaluated at import: those that run any of its lines, or what imports it."""
        met, found, asked = {path}, set[str](), [path]
        while asked and not found:
            for each in asked:
                found |= self.running(each)
            asked = [importer for each in asked for importer in self.importers[each] - met]
            met.update(asked)
        return found

    def running(self, path: str) -> set[str]:
        """Find the tests that run lines of a module's functions, or that import it themselves."""
        found = set[str]().union(*self.lines.get(path, {}).values())
        importing = {each for each in self.importers[path] if is_test_module(each)}
        return found | {name for name in self.tests if name.partition("::")[0] in importing}


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
