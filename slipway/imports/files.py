"""Rewrite references to moved modules in Python files, configuration files and scripts."""

from __future__ import annotations

import ast
import re
from functools import partial
from typing import TYPE_CHECKING

from slipway.imports.names import exports, parses
from slipway.imports.renames import DOTTED, Renames, module_name
from slipway.imports.rewriter import Rewriter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


IN_TEXT = re.compile(rf"(?<![\w@./$-])({DOTTED.pattern}\.{DOTTED.pattern})(?::([^\W\d]\w*))?(?![\w@/-])")
PATH_IN_TEXT = re.compile(r"(?<![\w@/.-])(?:\./)?((?:[\w-]+/)+[\w.-]*\w)(?![\w/-])")
OPENED_IMPORT = re.compile(r"(\s*from\s+)([\w.]+)(\s+import\s*\(\s*(?:#.*)?)")
TEXT_SUFFIXES = (".toml", ".ini", ".cfg", ".yml", ".yaml", ".sh", ".env", "Dockerfile", "Makefile", "justfile")


def rewrite_files(files: Mapping[str, str], renames: Renames, moved: Mapping[str, str] | None = None) -> dict[str, str]:
    """Rewrite references in all files of a service, and return the changed texts by their old paths.

    Names that one of them imports from another stay bound there.

    Args:
        files: the texts by path below the service's directory
        renames: moved modules and names
        moved: the new paths of the files themselves
    """
    exported = exports(files) if renames else {}
    rewritten = {}
    for path, text in files.items():
        keep = exported.get(module_name(path), ())
        new = rewrite_file(path, text, renames, (moved or {}).get(path, ""), keep=keep)
        if new != text:
            rewritten[path] = new
    return rewritten


def is_rewritten(path: str) -> bool:
    """Return whether references are rewritten in files with this suffix."""
    return path.endswith((".py", ".pyi", *TEXT_SUFFIXES))


def rewrite_file(path: str, text: str, renames: Renames, moved_to: str = "", *, keep: Collection[str] = ()) -> str:
    """Rewrite the references in one file, if it is a Python file, a configuration file or a script."""
    if path.endswith((".py", ".pyi")):
        if parses(text):
            return rewrite_imports(text, renames, path, moved_to, keep=keep)
        return rewrite_lines(text, renames, path)
    return rewrite_strings(text, renames) if path.endswith(TEXT_SUFFIXES) else text


def rewrite_imports(
    source: str, renames: Renames, path: str = "", moved_to: str = "", *, keep: Collection[str] = ()
) -> str:
    """Rewrite imports and uses of moved modules and names.

    Source that does not parse is returned unchanged.

    Args:
        source: the text of the file
        renames: moved modules and names
        path: the file's old path below the service's directory; without it, relative imports stay
        moved_to: the file's new path, if it has moved itself
        keep: names that other modules import from this one; they stay bound
    """
    if not renames:
        return source
    mark = "\ufeff" if source.startswith("\ufeff") else ""
    try:
        return mark + Rewriter(source.removeprefix(mark), renames, path, moved_to or path, keep).rewrite()
    except (SyntaxError, ValueError, RecursionError):
        return source


def rewrite_strings(text: str, renames: Renames) -> str:
    """Rewrite module names and file paths that have moved, in a configuration file or a script."""

    def dotted(matched: re.Match[str]) -> str:
        old, attribute = matched.groups()
        if attribute is None:
            return renames.dotted(old)
        return renames.reference(f"{old}:{attribute}") if renames.dotted(old) != old else matched[0]

    def path(matched: re.Match[str]) -> str:
        new = renames.paths.get(matched[1])
        return matched[0].removesuffix(matched[1]) + new if new else matched[0]

    text = IN_TEXT.sub(dotted, text) if renames else text
    return PATH_IN_TEXT.sub(path, text) if renames.paths else text


def rewrite_lines(source: str, renames: Renames, path: str = "") -> str:
    """Rewrite imports line by line in a Python file that does not parse, for example because of conflict markers.

    Uses are not rewritten, so local names stay, with an alias where necessary.
    """
    lines = source.splitlines(keepends=True)
    rewritten = [_rewrite_line(line, renames, path) for line in lines]
    if any(new != old and old.lstrip().startswith("import ") for old, new in zip(lines, rewritten, strict=True)):
        rewritten = [
            line if line.lstrip().startswith(("#", "from ", "import ")) else IN_TEXT.sub(partial(_moved, renames), line)
            for line in rewritten
        ]
    return "".join(rewritten)


def _moved(renames: Renames, matched: re.Match[str]) -> str:
    """Return the new dotted path for a matched old one."""
    return renames.reference(matched[0])


def _rewrite_line(line: str, renames: Renames, path: str) -> str:
    """Rewrite a line if it contains or begins an import statement."""
    code = line.strip()
    opened = OPENED_IMPORT.fullmatch(line.rstrip("\r\n"))
    if opened:
        moved = any(key.startswith((f"{opened[2]}:", f"{opened[2]}.")) for key in (*renames.names, *renames.modules))
        return line if moved else line.replace(opened[2], renames.module(opened[2]), 1)
    if not code.startswith(("from", "import")):
        return line
    try:
        (statement,) = ast.parse(code).body
    except (SyntaxError, ValueError):
        return line
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return line
    names = {alias.asname or alias.name for alias in statement.names}
    indent, ending = line[: line.index(code)], line[line.index(code) + len(code) :]
    new = rewrite_imports(code, renames, path, keep=names)
    return indent + new.replace("\n", (ending or "\n") + indent) + ending
