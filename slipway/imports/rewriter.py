"""Rewrite imports and uses of moved names in one module, without changing any other byte.

Positions come from the syntax tree, so formatting and comments stay. A local name changes only where that is safe
in every scope of the file; otherwise the import gets an alias (`from app.outbound import client as http_client`).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from slipway.imports.names import NEWLINE, Imported, Names, Scope, Text, Use
from slipway.imports.renames import Renames, package_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping


LINE_LENGTH = 100  # characters of a new import statement, as the services' `ruff.toml` has it
COMMA_AND_COMMENT = re.compile(r"(?:\s*,)?[ \t]*(#[^\r\n]*)?")
LITERAL = re.compile(r"""[rRuU]?("{3}|'{3}|"|')(.*)\1""", re.DOTALL)
FROM = re.compile(r"from\b\s*([\w.]*?)\s*\bimport\b")


@dataclass(frozen=True)
class Edit:
    """A part of the source, given by its offsets, and the text that replaces it."""

    start: int
    end: int
    text: str


class Rewriter:
    """Computes the edits that adapt one module to moved modules and names."""

    def __init__(self, source: str, renames: Renames, path: str, moved_to: str, keep: Collection[str]) -> None:
        self.text = Text(source)
        self.source = source
        self.renames = renames
        self.names = Names(self.text, package_of(path) if path else None)
        self.new_package = package_of(moved_to)
        self.keep = keep
        self.keeps_all = path.endswith("__init__.py")  # its names are a public interface

    def rewrite(self) -> str:
        """Return the module's source with all edits applied."""
        edits = [*self.statements(), *self.edited_uses(), *self.edited_literals(), *self.strings()]
        result, end = [], len(self.source)
        for edit in sorted(edits, key=lambda each: each.start, reverse=True):
            result += [self.source[edit.end : end], edit.text]
            end = edit.start
        return "".join([self.source[:end], *reversed(result)])

    def new_name(self, imported: Imported) -> tuple[str, str]:
        """Return the new module and name for `from base import name`."""
        assert imported.base is not None  # noqa: S101 - checked by the callers
        if imported.alias.name == "*":
            return self.renames.module(imported.base), "*"
        return self.renames.name(imported.base, imported.alias.name)

    @cached_property
    def renamed(self) -> dict[tuple[Scope, str], str]:
        """The new name of each local name whose imported object was renamed.

        Names that cannot be changed safely are omitted.
        """
        candidates: dict[tuple[Scope, str], set[str]] = {}
        for imported, scope in (each for pairs in self.names.imported.values() for each in pairs):
            is_from = isinstance(imported.statement, ast.ImportFrom)
            if is_from and imported.base is not None and imported.alias.asname is None:
                candidates.setdefault((scope, imported.local), set()).add(self.new_name(imported)[1])
            else:
                candidates.setdefault((scope, imported.local), set()).add(imported.local)
        new = {key: names.pop() for key, names in candidates.items() if len(names) == 1}
        changed = {key: name for key, name in new.items() if name != key[1]}
        targets: dict[str, set[str | None]] = {}
        for (scope, old), name in changed.items():
            targets.setdefault(name, set()).update(each.target for each in scope.imports(old))
        return {key: name for key, name in changed.items() if len(targets[name]) == 1 and self.is_safe(*key, name)}

    def is_safe(self, scope: Scope, old: str, new: str) -> bool:
        """Return whether a local name can be renamed, because only imports bind it and the new name is unused."""
        is_exported = scope is self.names.module and (self.keeps_all or old in self.keep)
        if is_exported or scope.kind == "class" or not scope.imports(old):
            return False
        if new in self.names.identifiers or {old, new} & self.names.quoted:
            return False
        uses = [use for use in self.names.uses if use.name.id == old and use.scope.find(old) is scope]
        return all(self.is_located(use) for use in uses)

    def is_located(self, use: Use) -> bool:
        """Return whether the source text at a use's recorded position is its name.

        For an old f-string, return whether it contains the expected number of uses.
        """
        if use.literal is None:
            start, end = self.text.span(use.name)
            return self.source[start:end] == use.name.id
        start, end = self.text.span(use.literal)
        used = sum(each.literal is use.literal and each.parts == use.parts for each in self.names.uses)
        return len(chain(use.parts).findall(self.source[start:end])) == used

    def edited_uses(self) -> Iterator[Edit]:
        """Yield edits of the names and attributes that are used outside f-strings."""
        for use in self.names.uses:
            parts = self.new_parts(use)
            if use.literal is not None or parts is None:
                continue
            size, new = parts
            start, end = self.text.span(use.name)
            if size:
                end = self.text.span(use.attributes[size - 1])[1]
            if "#" not in self.source[start:end]:
                yield Edit(start, end, new)

    def edited_literals(self) -> Iterator[Edit]:
        """Yield edits of f-strings that contain moved names or attributes."""
        changed: dict[ast.JoinedStr, dict[tuple[str, ...], str]] = {}
        for use in self.names.uses:
            parts = self.new_parts(use)
            if use.literal is not None and parts is not None and self.is_located(use):
                size, new = parts
                changed.setdefault(use.literal, {})[tuple(use.parts)] = ".".join([new, *use.parts[size + 1 :]])
        for literal, chains in changed.items():
            start, end = self.text.span(literal)
            text = self.source[start:end]
            pattern = re.compile("|".join(chain(parts).pattern for parts in chains))
            texts = {".".join(parts): new for parts, new in chains.items()}
            yield Edit(start, end, pattern.sub(partial(replacement, texts), text))

    def new_parts(self, use: Use) -> tuple[int, str] | None:
        """Return how many attributes of a use to replace, and the replacement text.

        The result is None if the use stays unchanged.
        """
        scope = use.scope.find(use.name.id)
        imports = scope.imports(use.name.id) if scope else []
        targets = self.names.targets(use)
        if scope is None or len(targets) != 1 or None in targets:
            return None
        (target,) = targets
        assert target is not None  # noqa: S101 - see above
        size, new = self.renames.prefix([*target.split("."), *use.parts[1:]])
        size -= len(target.split("."))  # attributes among the moved parts
        if all(imported.is_root for imported in imports):
            changed = size >= 0 and new and new != ".".join(use.parts[: size + 1])
            return (size, new) if changed else None
        local = self.renamed.get((scope, use.name.id), use.name.id)
        now = self.renames.dotted(target)
        if size > 0 and new.startswith(f"{now}."):
            local += new.removeprefix(now)
        else:
            size = 0
        return (size, local) if local != ".".join(use.parts[: size + 1]) else None

    def strings(self) -> Iterator[Edit]:
        """Yield edits of strings that name moved modules or objects, such as `"app.main:create_app"`."""
        changed = [(string, self.renames.reference(str(string.value))) for string in self.names.strings]
        for use, name in self.names.named_attributes:
            for target in self.names.targets(use) - {None}:
                module = ".".join([target or "", *use.parts[1:]])
                old = str(name.value)
                new_module, new_name = self.renames.name(module, old)
                if f"{module}:{old}" in self.renames.names and new_module == self.renames.dotted(module):
                    changed.append((name, new_name))
        for string, new in changed:
            start, end = self.text.span(string)
            literal = LITERAL.fullmatch(self.source[start:end]) if new != string.value else None
            if literal and literal[2] == string.value:
                yield Edit(start + literal.start(2), start + literal.end(2), new)

    def statements(self) -> Iterator[Edit]:
        """Yield edits of import statements that import moved modules or names."""
        for statement, pairs in self.names.imported.items():
            start, end = self.text.span(statement)
            old = self.source[start:end]
            new = self.plain(old, start, pairs) if isinstance(statement, ast.Import) else self.split(statement, pairs)
            if new != old:
                yield Edit(start, end, new)

    def plain(self, text: str, offset: int, pairs: list[tuple[Imported, Scope]]) -> str:
        """Return an `import a, b as c` statement with the new modules."""
        for imported, _ in reversed(pairs):
            start = self.text.span(imported.alias)[0] - offset
            new = self.renames.module(imported.alias.name)
            text = text[:start] + text[start:].replace(imported.alias.name, new, 1)
        return text

    def split(self, statement: ast.ImportFrom, pairs: list[tuple[Imported, Scope]]) -> str:
        """Return a `from a import b, c` statement with new names, as several statements if the new modules differ."""
        start, end = self.text.span(statement)
        old = self.source[start:end]
        base = pairs[0][0].base
        if base is None:
            return old
        groups: dict[str, list[int]] = {}
        for number, (imported, _) in enumerate(pairs):
            groups.setdefault(self.new_name(imported)[0], []).append(number)
        first = base if base in groups else next(iter(groups))
        if first == "":  # a module that has become a package of its own
            first = next((group for group in groups if group), "")
        names = [self.new_alias(imported, scope) for imported, scope in pairs]
        is_alone = self.is_alone(start, end)
        statements = [self.remaining(statement, self.new_base(statement, first), names, groups.pop(first))]
        for group, numbers in groups.items():
            comments = [self.comment(statement, number) for number in numbers] if is_alone else []
            moved_names = [names[number] for number in numbers]
            statements.append(from_import(self.new_base(statement, group), moved_names, filter(None, comments)))
        return self.joined(start, end, statements) if is_alone else "; ".join(statements)

    def new_alias(self, imported: Imported, scope: Scope) -> str:
        """Return `name` or `name as alias` for a rewritten import statement."""
        new = self.new_name(imported)[1]
        local = self.renamed.get((scope, imported.local), imported.local)
        return new if new in {local, "*"} and imported.alias.asname != imported.alias.name else f"{new} as {local}"

    def new_base(self, statement: ast.ImportFrom, base: str) -> str:
        """Return the module of a rewritten `from` import, which stays relative within the same package."""
        if not statement.level:
            return base
        anchor = ".".join(self.new_package[: max(0, len(self.new_package) - statement.level + 1)])
        if anchor and f"{base}.".startswith(f"{anchor}."):
            return "." * statement.level + base[len(anchor) + 1 :]
        return base

    def gaps(self, statement: ast.ImportFrom) -> tuple[str, list[str]]:
        """Return the source text before the first name of an import statement, and after each of its names."""
        start, end = self.text.span(statement)
        spans = [self.text.span(alias) for alias in statement.names]
        nexts = [*(each[0] for each in spans[1:]), end]
        return self.source[start : spans[0][0]], [
            self.source[each[1] : following] for each, following in zip(spans, nexts, strict=True)
        ]

    def comment(self, statement: ast.ImportFrom, number: int) -> str:
        """Return the comment that follows a name in an import statement."""
        matched = COMMA_AND_COMMENT.match(self.gaps(statement)[1][number])
        return (matched and matched[1]) or ""

    def remaining(self, statement: ast.ImportFrom, base: str, names: list[str], numbers: list[int]) -> str:
        """Return an import statement with only some of its names, in its original layout and with its comments."""
        head, gaps = self.gaps(statement)
        if not base or "\\" in head + "".join(gaps):
            return from_import(base, [names[number] for number in numbers], [])
        result = FROM.sub(lambda matched: matched[0] if matched[1] == base else f"from {base} import", head, count=1)
        for number, gap in enumerate(gaps):
            if number in numbers:
                result += names[number] + gap
                continue
            rest = COMMA_AND_COMMENT.sub("", gap, count=1)
            line_end = NEWLINE.match(rest)
            starts_line = not result.rpartition("\n")[2].strip()
            if line_end and starts_line:
                result = result.rstrip(" \t") + rest[line_end.end() :]
            elif line_end or number == len(gaps) - 1:
                stripped = result.rstrip(" \t")
                result = (stripped if line_end else stripped.rstrip(", \t")) + rest.lstrip(" \t")
            else:
                result += rest.lstrip(" \t")
        return result

    def is_alone(self, start: int, end: int) -> bool:
        """Return whether the lines of an import statement contain nothing else except for a comment."""
        line_start = max(self.source.rfind("\n", 0, start), self.source.rfind("\r", 0, start)) + 1
        following = NEWLINE.split(self.source[end:], maxsplit=1)[0].strip()
        return not self.source[line_start:start].strip() and not following.startswith(";")

    def joined(self, start: int, end: int, statements: list[str]) -> str:
        """Join the import statements that replace an original one, each on its own line.

        Each of them is followed by the original statement's comment.
        """
        line_start = max(self.source.rfind("\n", 0, start), self.source.rfind("\r", 0, start)) + 1
        ending = NEWLINE.search(self.source)
        separator = (ending[0] if ending else "\n") + self.source[line_start:start]
        comment = NEWLINE.split(self.source[end:], maxsplit=1)[0].strip()
        first, *others = statements
        lines = [first, *(each.replace("\n", separator) for each in others)]
        return separator.join([*(f"{each}  {comment}".rstrip() for each in lines[:-1]), lines[-1]])


def replacement(texts: Mapping[str, str], matched: re.Match[str]) -> str:
    """Return the new text for a match of an old name."""
    return texts[matched[0]]


def chain(parts: Iterable[str]) -> re.Pattern[str]:
    """Return a regular expression that matches a name followed by exactly these attributes."""
    return re.compile(rf"(?<![\w.]){re.escape('.'.join(parts))}(?!\w|\.\w)")


def from_import(base: str, names: list[str], comments: Iterable[str]) -> str:
    """Return a `from` import of some names, wrapped if it is longer than `LINE_LENGTH`."""
    if not base:
        return f"import {', '.join(names)}"
    comment = " ".join(dict.fromkeys(comments))
    line = f"from {base} import {', '.join(names)}" + (f"  {comment}" if comment else "")
    if len(line) <= LINE_LENGTH or comment:
        return line
    return "\n".join([f"from {base} import (", *(f"    {name}," for name in names), ")"])
