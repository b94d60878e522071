"""What is wrong with a file, as far as it can be told without running anything.

Git merges lines; that they still make sense together is for nobody but the owner to say. What it
leaves behind most often is looked for here: what cannot be read, and what is said twice.
"""

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Any

import yaml

MARKER = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
Statement = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def markers(content: bytes) -> int:
    """Count the marks of conflicts."""
    return len(MARKER.findall(content))


def faults(path: str, content: bytes | None) -> set[str]:
    """Name what is wrong with a file; of a kind that is not known, nothing is."""
    read = READERS.get(PurePath(path).suffix)
    if content is None or read is None:
        return set()
    try:
        return set(read(content))
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return {f"cannot be read: {' '.join(str(error).split())}"}


def twice(names: Iterable[str]) -> Iterator[str]:
    yield from (f"{name} is there twice" for name, number in Counter(names).items() if number > 1)


def of_python(content: bytes) -> Iterator[str]:
    """Name what a module defines twice; the second would win, and the first be lost."""
    compile(content, "module", "exec", dont_inherit=True)  # sees more than the parser alone
    yield from twice(name for each in ast.parse(content).body for name in defined(each))


def defined(statement: ast.stmt) -> Iterator[str]:
    """Name what a statement defines."""
    if isinstance(statement, Statement) and not statement.decorator_list:
        yield statement.name
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def of_yaml(content: bytes) -> Iterator[str]:
    """Name the keys that stand twice in one mapping, of which YAML keeps the last."""
    for document in yaml.compose_all(content, Loader=yaml.SafeLoader):
        yield from of_node(document)


def of_node(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        keys = (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        yield from twice(key for key in keys if key != "<<")
        for _, value in node.value:
            yield from of_node(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from of_node(each)


def of_toml(content: bytes) -> Iterator[str]:
    """Read TOML, which refuses what stands twice by itself."""
    tomllib.loads(content.decode())
    yield from ()


def of_json(content: bytes) -> list[str]:
    """Name the keys that stand twice in one object, of which JSON keeps the last."""
    found: list[str] = []

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(twice(key for key, _ in pairs))
        return dict(pairs)

    json.loads(content, object_pairs_hook=noted)
    return found


READERS: dict[str, Callable[[bytes], Iterable[str]]] = {
    ".json": of_json,
    ".py": of_python,
    ".toml": of_toml,
    ".yaml": of_yaml,
    ".yml": of_yaml,
}
