"""Check, without running code, that the service's imports of its own modules resolve."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slipway.imports.renames import module_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Problem = tuple[str, str]  # the path of a module, and the import that fails
OPTIONAL = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def unresolved(files: Mapping[str, str], read: Callable[[str], bytes]) -> set[Problem]:
    """Return the service's imports of its own modules and names that do not exist.

    `files` has the blob of each path, and `read` returns a blob's content; modules that do not parse are skipped.
    """
    modules = {module_name(path): path for path in files if module_name(path)}
    parents = {".".join(parts[:size]) for parts in map(parts_of, modules) for size in range(1, len(parts))}
    tops = {name.partition(".")[0] for name in modules}

    def exists(module: str) -> bool:
        return module in modules or module in parents

    def provides(module: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
        if exists(f"{module}.{name}") or module not in modules:
            return True
        syntax = parse(read(files[modules[module]]))
        if syntax is None or name in syntax.names or "__getattr__" in syntax.names:
            return True
        stars = {absolute(modules[module], level, star) for level, star in syntax.stars}
        return any(star.partition(".")[0] not in tops or provides(star, name, seen | {module}) for star in stars - seen)

    problems: set[Problem] = set()
    for path in modules.values():
        syntax = parse(read(files[path]))
        for level, module, names in syntax.imports if syntax else ():
            target = absolute(path, level, module)
            if target.partition(".")[0] not in tops:
                continue
            if not exists(target):
                problems.add((path, f"there is no module {target}"))
                continue
            missing = [name for name in names if not provides(target, name)]
            problems |= {(path, f"{target} has no {name}") for name in missing}
    return problems


def parts_of(module: str) -> list[str]:
    return module.split(".")


def absolute(path: str, level: int, module: str) -> str:
    """Return the absolute name of a relatively imported module, such as `..x` in `from ..x import y`."""
    if not level:
        return module
    package = PurePosixPath(path).parts[:-level]
    return ".".join((*package, *([module] if module else [])))


class Syntax:
    """The imports of a module, and the names that it defines."""

    def __init__(self, tree: ast.Module) -> None:
        self.names = set(bound(tree.body))
        self.imports: list[tuple[int, str, tuple[str, ...]]] = []
        self.stars: list[tuple[int, str]] = []
        self.collect(tree.body)

    def collect(self, nodes: Iterable[ast.AST]) -> None:
        """Collect the imports of a module, except for optional ones whose failure the module handles."""
        for node in nodes:
            if isinstance(node, ast.Import):
                self.imports += [(0, alias.name, ()) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                self.collect_from(node)
            elif isinstance(node, ast.Try) and is_optional(node):
                self.collect([*node.handlers, *node.orelse, *node.finalbody])
            elif isinstance(node, ast.With) and is_suppressed(node):
                continue
            else:
                self.collect(ast.iter_child_nodes(node))

    def collect_from(self, node: ast.ImportFrom) -> None:
        """Collect the names of a `from` import, or its module if it imports `*`."""
        names = tuple(alias.name for alias in node.names if alias.name != "*")
        self.imports.append((node.level, node.module or "", names))
        if any(alias.name == "*" for alias in node.names):
            self.stars.append((node.level, node.module or ""))


def is_optional(node: ast.Try) -> bool:
    """Return whether a `try` statement handles `ImportError`.

    Imports in such a statement may fail.
    """
    caught = {name.id for handler in node.handlers for name in ast.walk(handler) if isinstance(name, ast.Name)}
    return bool(caught & OPTIONAL) or any(handler.type is None for handler in node.handlers)


def is_suppressed(node: ast.With) -> bool:
    """Return whether a `with` statement suppresses `ImportError`, such as `with suppress(ImportError)`."""
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    names = {name.id for call in calls for name in ast.walk(call) if isinstance(name, ast.Name)}
    return bool(names & OPTIONAL)


def bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that statements bind in their own scope, without those of nested functions and classes."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            yield from (name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        yield from bound(ast.iter_child_nodes(node))


@cache
def parse(content: bytes) -> Syntax | None:
    """Parse a module's source; return None if its syntax is invalid."""
    try:
        return Syntax(ast.parse(content))
    except (SyntaxError, ValueError):
        return None
