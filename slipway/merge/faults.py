"""Parse a file merged without conflicts, and find syntax errors and duplicate definitions."""

from __future__ import annotations

import ast
import json
import tomllib
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Statement = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
UNPARSABLE = "cannot be parsed: "


def faults(path: str, content: bytes | None) -> set[str]:
    """Return the syntax errors and duplicate definitions in a file; none for unsupported formats."""
    check = CHECKS.get(PurePath(path).suffix)
    if content is None or check is None:
        return set()
    try:
        return set(check(content))
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return {UNPARSABLE + " ".join(str(error).split())}


def new_faults(path: str, result: bytes, *sides: bytes | None) -> list[str]:
    """Return the faults of a merged file that neither side had.

    Syntax errors are returned only if both sides parse.
    """
    of_sides = set().union(*(faults(path, side) for side in sides))
    is_excused = any(fault.startswith(UNPARSABLE) for fault in of_sides)
    added = faults(path, result) - of_sides
    return sorted(fault for fault in added if not (is_excused and fault.startswith(UNPARSABLE)))


def duplicates(names: Iterable[str]) -> Iterator[str]:
    """Yield an error message for each name that occurs more than once."""
    yield from (f"{name} is defined twice" for name, number in Counter(names).items() if number > 1)


def check_python(content: bytes) -> Iterator[str]:
    """Find names that a Python module defines twice, because the second definition hides the first."""
    compile(content, "module", "exec", dont_inherit=True)  # finds more than the parser alone
    yield from duplicates(name for statement in ast.parse(content).body for name in defined(statement))


def defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a Python statement defines."""
    if isinstance(statement, Statement) and not statement.decorator_list:
        yield statement.name
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def check_yaml(content: bytes) -> Iterator[str]:
    """Find keys that a YAML mapping has twice, because only the last value counts."""
    for document in yaml.compose_all(content, Loader=yaml.SafeLoader):
        yield from check_node(document)


def check_node(node: yaml.Node | None) -> Iterator[str]:
    """Yield the duplicate keys in a YAML node; the merge key `<<` may occur more than once."""
    if isinstance(node, yaml.MappingNode):
        keys = (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        yield from duplicates(key for key in keys if key != "<<")
        for _, value in node.value:
            yield from check_node(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from check_node(item)


def check_toml(content: bytes) -> Iterator[str]:
    """Parse a TOML file, because the parser rejects syntax errors and duplicate keys."""
    tomllib.loads(content.decode())
    yield from ()


def check_json(content: bytes) -> list[str]:
    """Find keys that a JSON object has twice, because only the last value counts."""
    problems: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        problems.extend(duplicates(key for key, _ in pairs))
        return dict(pairs)

    json.loads(content, object_pairs_hook=collect)
    return problems


CHECKS: dict[str, Callable[[bytes], Iterable[str]]] = {
    ".json": check_json,
    ".py": check_python,
    ".toml": check_toml,
    ".yaml": check_yaml,
    ".yml": check_yaml,
}
