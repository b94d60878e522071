"""Imports: which of them a module uses, and the order in which they stand.

That is what ruff makes of them by its rules F401 and I, which are those of Pyflakes and isort; what is used is asked of
Python's own symbol tables.
"""

from __future__ import annotations

import ast
import re
import symtable
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2.ext import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIRST_PARTY = {"app", "development", "tests"}
STANDARD = sys.stdlib_module_names | {"tomllib"}  # Python 3.11's, on which services run
IMPORT = re.compile(r"\s*(?:from (?P<module>\S+) )?import \(?(?P<names>[^#;()]+?),?\)?$")
PREAMBLE = re.compile(r"""#|r?["']|$""")
GUARD = re.compile(r"if ((?:typing\.)?TYPE_CHECKING):$")
PART = re.compile(r"[0-9]+|.")
NAME = re.compile(r"[^\W\d]\w*")


class Import(NamedTuple):
    """One imported name. `module` is empty where a module is imported as a whole."""

    module: str
    name: str
    alias: str

    @property
    def bound(self) -> str:
        """The name that the module gets to use."""
        return self.alias or (self.name if self.module else self.name.partition(".")[0])


def imports(line: str) -> list[Import]:
    """Read what a line imports; nothing if it imports nothing."""
    found = IMPORT.match(line)
    if not found:
        return []
    names = [name.strip().partition(" as ") for name in found["names"].split(",")]
    return [Import(found["module"] or "", name, alias) for name, _, alias in names]


def natural(name: str) -> list[tuple[int, int]]:
    """Sort `a2` before `a10`."""
    parts = PART.findall(name)
    return [(ord("0"), int(part)) if part.isdecimal() else (ord(part), 0) for part in parts]


def member_key(name: str, alias: str) -> tuple[Any, ...]:
    """Sort `CONSTANTS` before `Classes` before `functions`."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    return name != "*", kind, natural(name.lower()), natural(name), natural(alias)


def section(module: str) -> int:
    """Number the part of the imports in which a module belongs."""
    package = module.partition(".")[0]
    if package == "__future__":
        return 0
    if not package:
        return 4
    return 1 if package in STANDARD else 3 if package in FIRST_PARTY else 2


def statement_key(statement: tuple[Import, ...]) -> tuple[Any, ...]:
    """Sort import statements: by section, whole modules first, then by module."""
    module, name, alias = statement[0]
    source = module or name
    path = source.lstrip(".")
    level = len(path) - len(source)
    if module:
        return section(source), 1, level, natural(path.lower()), natural(path), member_key(name, alias), []
    return section(source), 0, level, natural(path.lower()), natural(path), (), natural(alias)


def merged(found: Iterable[Import]) -> list[str]:
    """Write sorted import statements, one for each module; an alias gets its own."""
    of_modules: dict[tuple[str, ...], list[Import]] = {}
    for entry in sorted(set(found), key=lambda entry: member_key(entry.name, entry.alias)):
        is_single = not entry.module or entry.alias or entry.name == "*"
        of_modules.setdefault(entry if is_single else (entry.module,), []).append(entry)
    statements = sorted(map(tuple, of_modules.values()), key=statement_key)
    lines: list[str] = []
    for _, group in groupby(statements, key=lambda statement: statement_key(statement)[0]):
        lines += ["", *map(import_line, group)]
    return lines[1:]


def import_line(statement: tuple[Import, ...]) -> str:
    names = ", ".join(f"{name} as {alias}" if alias else name for _, name, alias in statement)
    module = statement[0].module
    return f"from {module} import {names}" if module else f"import {names}"


def referenced(table: symtable.SymbolTable, names: set[str]) -> set[str]:
    """Find those of `names` that a scope, or one within it, takes from the module."""
    found = set()
    is_own = table.get_type() in ("module", "class")  # which may read a name before they bind it
    for name in names.intersection(table.get_identifiers()):
        symbol = table.lookup(name)
        if symbol.is_referenced() and (is_own or symbol.is_global()):
            found.add(name)
    for child in table.get_children():
        found |= referenced(child, names - found)
    return found


def annotated(source: str) -> set[str]:
    """Find the names that symbol tables leave out, as some versions do: in annotations, `cast`, `__all__`, and strings.

    They do so for the annotations of local variables (since Python 3.14), and for all that stands in strings.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
            roots: list[ast.AST | None] = [*node.args[:1]]
        elif isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets):
            roots = [node.value]
        else:
            roots = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for root in filter(None, roots):
            found.update(words(root))
    return found


def words(node: ast.AST) -> Iterator[str]:
    """List the names in an annotation and in its strings, but for a `Literal`'s and a call's."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from NAME.findall(node.value)
    is_literal = isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")
    if not is_literal and not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from words(child)


def used(names: set[str], source: str) -> set[str]:
    """Find those of `names` that a module uses below its imports."""
    found = referenced(symtable.symtable(source, "module", "exec"), names)
    mentioned = {name for name in names - found if re.search(rf"\b{name}\b", source)}
    return found | (mentioned & annotated(source) if mentioned else set())


def head(lines: list[str], start: int, *, guarded: bool = False) -> tuple[list[Import], int]:
    """Read the imports from one line on; give the number of the line that is none, too."""
    found: list[Import] = []
    for number in range(start, len(lines)):
        line = lines[number]
        more = imports(line) if line.startswith(" ") == guarded else []
        if line and not more:
            return found, number
        found += more
    return found, len(lines)


def with_sorted_imports(lines: list[str]) -> list[str]:
    """Drop the imports that nothing uses, and sort the others."""
    start = next((at for at, line in enumerate(lines) if imports(line) or GUARD.match(line)), len(lines))
    if start == len(lines) or not all(map(PREAMBLE.match, lines[:start])):
        return lines
    found, end = head(lines, start)
    guard = GUARD.match(lines[end]) if end < len(lines) else None
    guarded, end = head(lines, end + 1, guarded=True) if guard else ([], end)
    names = {entry.bound for entry in found + guarded}
    kept = used(names, "\n".join(lines[end:]))
    inner = [f"    {line}" if line else "" for line in merged(entry for entry in guarded if is_kept(entry, kept))]
    if guard and inner:
        kept.add(guard[1].partition(".")[0])
        inner = ["", guard[0], *inner]
    outer = merged(entry for entry in found if is_kept(entry, kept))
    return [*lines[:start], *outer, *inner, "", *lines[end:]]


def is_kept(entry: Import, names: set[str]) -> bool:
    return entry.bound in names or entry.name == "*" or entry.module == "__future__" or entry.alias == entry.name


class Imports(Extension):
    """Lets Copier load this module, which its neighbours import."""
