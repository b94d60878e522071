"""Rewrite imports of modules and names that a release has moved, and leave every other byte of a file as it is.

Positions come from the syntax tree, so that formatting and comments stay. A local name changes only where that is safe
in every scope of the file; otherwise the import gets an alias (`from app.outbound import client as http_client`).
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

LINE_LENGTH = 100  # characters of a new import statement, as the services' `ruff.toml` has it
HAS_FSTRING_POSITIONS = sys.version_info >= (3, 12)
FORWARD_REFERENCES = {"ForwardRef", "TypeVar", "cast"}  # functions whose string arguments are annotations
ATTRIBUTE_FUNCTIONS = {"delattr", "getattr", "hasattr", "object", "setattr"}  # of a module, and a name as a string

NEWLINE = re.compile(r"\r\n|\r|\n")
COMMA_AND_COMMENT = re.compile(r"(?:\s*,)?[ \t]*(#[^\r\n]*)?")
DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
REFERENCE = re.compile(rf"({DOTTED.pattern})(?::({DOTTED.pattern}))?")
LITERAL = re.compile(r"""[rRuU]?("{3}|'{3}|"|')(.*)\1""", re.DOTALL)
IN_TEXT = re.compile(rf"(?<![\w@./$-])({DOTTED.pattern}\.{DOTTED.pattern})(?::([^\W\d]\w*))?(?![\w@/-])")
PATH_IN_TEXT = re.compile(r"(?<![\w@/.-])(?:\./)?((?:[\w-]+/)+[\w.-]*\w)(?![\w/-])")
FROM = re.compile(r"from\b\s*([\w.]*?)\s*\bimport\b")
OPENED_IMPORT = re.compile(r"(\s*from\s+)([\w.]+)(\s+import\s*\(\s*(?:#.*)?)")
TEXT_SUFFIXES = (".toml", ".ini", ".cfg", ".yml", ".yaml", ".sh", ".env", "Dockerfile", "Makefile", "justfile")


@dataclass(frozen=True)
class Renames:
    """What has moved: modules, names in modules (`module:name`), and files.

    A module that is mapped to itself stays, though its package has moved.
    """

    modules: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(old != new for old, new in (*self.modules.items(), *self.names.items()))

    def module(self, old: str) -> str:
        """Return the name of a module now; submodules of a moved package move along."""
        parts = old.split(".")
        for size in range(len(parts), 0, -1):
            new = self.modules.get(".".join(parts[:size]))
            if new is not None:
                return ".".join([new, *parts[size:]])
        return old

    def name(self, module: str, name: str) -> tuple[str, str]:
        """Return the module and the name under which `from module import name` is found now."""
        moved = self.names.get(f"{module}:{name}")
        if moved is not None:
            new_module, _, new_name = moved.partition(":") if ":" in moved else moved.rpartition(".")
            return new_module, new_name
        submodule = self.modules.get(f"{module}.{name}")
        if submodule is not None:
            parent, _, last = submodule.rpartition(".")
            return parent, last
        return self.module(module), name

    def dotted(self, old: str) -> str:
        """Return the path now of a module or of something in it."""
        size, new = self.prefix(old.split("."))
        return ".".join([new, *old.split(".")[size:]]) if size else old

    def prefix(self, parts: list[str]) -> tuple[int, str]:
        """Return how many leading parts of a dotted path are a moved module or name, and their new path."""
        for size in range(len(parts), 0, -1):
            module = ".".join(parts[:size])
            if module in self.modules:
                return size, self.modules[module]
            if size > 1 and f"{'.'.join(parts[: size - 1])}:{parts[size - 1]}" in self.names:
                return size, ".".join(self.name(".".join(parts[: size - 1]), parts[size - 1]))
        return 0, ""

    def reference(self, old: str) -> str:
        """Return a path such as `app.main`, `app.main.create_app` or `app.main:create_app` now."""
        matched = REFERENCE.fullmatch(old)
        if matched is None:
            return old
        module, attribute = matched.groups()
        if attribute is None:
            return self.dotted(module) if "." in module else old
        first, dot, rest = attribute.partition(".")
        new_module, new_name = self.name(module, first)
        return f"{new_module}:{new_name}{dot}{rest}"


def module_name(path: str) -> str:
    """Return the module of a path such as `app/cache/__init__.py`; empty if it is none."""
    parts = path.removesuffix(".py").split("/")
    if not path.endswith(".py") or not all(part.isidentifier() for part in parts):
        return ""
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: str) -> list[str]:
    """Return the package relative to which a file imports."""
    return path.split("/")[:-1]


def rewrite_imports(
    source: str, renames: Renames, path: str = "", moved_to: str = "", *, keep: Collection[str] = ()
) -> str:
    """Rewrite imports and uses of moved modules and names in Python source; unchanged if it does not parse.

    Args:
        source: the text of the file
        renames: what has moved
        path: where the file was, below the service's directory; without it, relative imports stay
        moved_to: where the file is now, if it has moved itself
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
    """Rewrite dotted names of moved modules, and paths of moved files, in a configuration file or a script."""

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
    """Rewrite single import statements of a file that does not parse, such as one with conflict markers.

    Local names stay, by an alias where necessary, for uses are not rewritten.
    """
    lines = source.splitlines(keepends=True)
    rewritten = [_rewrite_line(line, renames, path) for line in lines]
    if any(new != old and old.lstrip().startswith("import ") for old, new in zip(lines, rewritten, strict=True)):
        rewritten = [
            line if line.lstrip().startswith(("#", "from ", "import ")) else IN_TEXT.sub(partial(_moved, renames), line)
            for line in rewritten
        ]
    return "".join(rewritten)


def _moved(renames: Renames, found: re.Match[str]) -> str:
    """Return what replaces a dotted path in a line."""
    return renames.reference(found[0])


def _rewrite_line(line: str, renames: Renames, path: str) -> str:
    code = line.strip()
    opened = OPENED_IMPORT.fullmatch(line.rstrip("\r\n"))
    if opened:
        moved = any(key.startswith((f"{opened[2]}:", f"{opened[2]}.")) for key in (*renames.names, *renames.modules))
        return line if moved else line.replace(opened[2], renames.module(opened[2]), 1)
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


def rewrite_files(files: Mapping[str, str], renames: Renames, moved: Mapping[str, str] | None = None) -> dict[str, str]:
    """Rewrite the files of a service, and return those that changed, by their old paths.

    Names that one of them imports from another stay bound there.

    Args:
        files: the texts by path below the service's directory
        renames: what has moved
        moved: the new paths of files that have moved themselves
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
    """Return whether a file is of a kind that is rewritten."""
    return path.endswith((".py", ".pyi", *TEXT_SUFFIXES))


def rewrite_file(path: str, text: str, renames: Renames, moved_to: str = "", *, keep: Collection[str] = ()) -> str:
    """Rewrite one file by its kind: Python, configuration or script; others stay."""
    if path.endswith((".py", ".pyi")):
        if parses(text):
            return rewrite_imports(text, renames, path, moved_to, keep=keep)
        return rewrite_lines(text, renames, path)
    return rewrite_strings(text, renames) if path.endswith(TEXT_SUFFIXES) else text


def parses(source: str) -> bool:
    """Return whether Python source parses."""
    try:
        ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def exports(files: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the names of each module that other modules import, reach as attributes or patch by a string."""
    used: dict[str, set[str]] = {}

    def use(dotted: str) -> None:
        parts = dotted.split(".")
        for size in range(1, len(parts)):
            used.setdefault(".".join(parts[:size]), set()).add(parts[size])

    for path, text in files.items():
        if path.endswith(".py") and parses(text):
            for dotted in Names(Text(text.removeprefix("\ufeff")), package_of(path)).references():
                use(dotted)
    return used


class Text:
    """Source text, with the tree's positions (lines, and columns in bytes) as offsets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        ends = [found.end() for found in NEWLINE.finditer(source)]
        self.starts = [0, *ends]
        self.is_ascii = source.isascii()

    def offset(self, line: int, column: int) -> int:
        start = self.starts[line - 1]
        if self.is_ascii:
            return start + column
        text = self.source[start : self.starts[line] if line < len(self.starts) else None]
        return start + len(text.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.alias) -> tuple[int, int]:
        assert node.end_lineno is not None  # noqa: S101 - `ast.parse` sets them
        assert node.end_col_offset is not None  # noqa: S101
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)


@dataclass(eq=False)
class Imported:
    """One name of an import statement, and the scope in which it is bound."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias
    base: str | None  # the module of `from module import`; None for a relative one whose place is unknown

    @property
    def local(self) -> str:
        """The name that is bound."""
        name = self.alias.asname or self.alias.name
        return name.partition(".")[0] if isinstance(self.statement, ast.Import) and not self.alias.asname else name

    @property
    def is_root(self) -> bool:
        """Whether `import app.x` binds the first part only."""
        return isinstance(self.statement, ast.Import) and self.alias.asname is None

    @property
    def target(self) -> str | None:
        """The dotted path of what the local name is bound to."""
        if self.is_root:
            return self.local
        if isinstance(self.statement, ast.Import):
            return self.alias.name
        return None if self.base is None else f"{self.base}.{self.alias.name}".lstrip(".")


@dataclass(eq=False)
class Scope:
    """The names bound in a module, function, class or comprehension; None stands for a binding other than an import."""

    kind: Literal["module", "function", "class", "comprehension"]
    parent: Scope | None = None
    bound: dict[str, list[Imported | None]] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)  # declared `global` or `nonlocal`

    def bind(self, name: str, imported: Imported | None = None) -> None:
        scope = self.elsewhere.get(name, self)
        scope.bound.setdefault(name, []).append(imported)

    def find(self, name: str) -> Scope | None:
        """Return the scope in which a name is bound that is used in this one."""
        if name in self.elsewhere:
            return self.elsewhere[name]
        scope: Scope | None = self
        while scope and (name not in scope.bound or (scope.kind == "class" and scope is not self)):
            scope = scope.parent
        return scope

    def imports(self, name: str) -> list[Imported]:
        """Return the imports that bind a name here; none if anything else binds it, too."""
        imported = [each for each in self.bound[name] if each is not None]
        return imported if len(imported) == len(self.bound[name]) else []


@dataclass(eq=False)
class Use:
    """A name with the attributes that follow it."""

    name: ast.Name
    attributes: list[ast.Attribute]
    scope: Scope
    literal: ast.JoinedStr | None  # the f-string around it, where Python does not know positions in f-strings

    @property
    def node(self) -> ast.expr:
        return self.attributes[-1] if self.attributes else self.name

    @property
    def parts(self) -> list[str]:
        return [self.name.id, *(each.attr for each in self.attributes)]


class Names(ast.NodeVisitor):
    """The bindings, uses, imports and strings of a module."""

    def __init__(self, text: Text, package: list[str] | None) -> None:
        self.text = text
        self.package = package
        self.module = self.scope = Scope("module")
        self.imported: dict[ast.Import | ast.ImportFrom, list[tuple[Imported, Scope]]] = {}
        self.uses: list[Use] = []
        self.attributes: list[tuple[ast.expr, ast.Constant]] = []  # arguments such as `setattr(module, "name", …)`
        self.strings: list[ast.Constant] = []
        self.identifiers: set[str] = set()
        self.quoted: set[str] = set()  # names in annotations that are strings, and in `__all__`
        self.literal: ast.JoinedStr | None = None
        self.in_annotation = False
        self.visit(text.tree)

    def references(self) -> Iterator[str]:
        """Yield the dotted paths of everything that the module takes from another."""
        for imported, _ in (each for pairs in self.imported.values() for each in pairs):
            if imported.target:
                yield imported.alias.name if imported.is_root else imported.target
        for use in self.uses:
            for target in self.targets(use) - {None}:
                yield ".".join([target or "", *use.parts[1:]])
        for use, name in self.named_attributes:
            for target in self.targets(use) - {None}:
                yield ".".join([target or "", *use.parts[1:], str(name.value)])
        for string in self.strings:
            if REFERENCE.fullmatch(str(string.value)):
                yield str(string.value).replace(":", ".")

    @cached_property
    def named_attributes(self) -> list[tuple[Use, ast.Constant]]:
        """The modules of which a function takes an attribute, and the string that names it."""
        uses = {use.node: use for use in self.uses}
        return [(uses[node], name) for node, name in self.attributes if node in uses]

    def targets(self, use: Use) -> set[str | None]:
        """Return the dotted paths of what a name is bound to; none if it is not bound by imports alone."""
        scope = use.scope.find(use.name.id)
        return {imported.target for imported in scope.imports(use.name.id)} if scope else set()

    def bind(self, name: str, imported: Imported | None = None) -> None:
        self.identifiers.add(name)
        self.scope.bind(name, imported)

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_annotation(self, node: ast.AST | None) -> None:
        outer, self.in_annotation = self.in_annotation, True
        self.visit_all([node])
        self.in_annotation = outer

    def visit_in(self, scope: Scope, nodes: Iterable[ast.AST | None]) -> None:
        outer, self.scope = self.scope, scope
        self.visit_all(nodes)
        self.scope = outer

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        base: str | None = None
        if isinstance(node, ast.ImportFrom):
            base = absolute(node, self.package)
        for alias in node.names:
            imported = Imported(node, alias, base)
            self.bind(imported.local, imported)
            scope = self.scope.elsewhere.get(imported.local, self.scope)
            self.imported.setdefault(node, []).append((imported, scope))

    visit_ImportFrom = visit_Import  # noqa: N815 - the visitor's name

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.elsewhere |= dict.fromkeys(node.names, self.module)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        for name in node.names:
            scope = self.scope.parent
            while scope and (scope.kind == "class" or name not in scope.bound):
                scope = scope.parent
            self.scope.elsewhere[name] = scope or self.module

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bind(node.name)
        self.visit_all(node.decorator_list)
        self.visit_function(node.args, node.body, node.returns, getattr(node, "type_params", []))

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit_function(node.args, [node.body], None, [])

    def visit_function(
        self, arguments: ast.arguments, body: Iterable[ast.AST], returns: ast.expr | None, parameters: list[ast.AST]
    ) -> None:
        self.visit_all([*arguments.defaults, *arguments.kw_defaults])
        outer = self.scope
        self.scope = Scope("function", outer) if parameters else outer
        self.visit_all(parameters)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        named = [argument for argument in every if argument]
        for annotation in (*(argument.annotation for argument in named), returns):
            self.visit_annotation(annotation)
        scope = Scope("function", self.scope)
        for argument in named:
            self.identifiers.add(argument.arg)
            scope.bind(argument.arg)
        self.visit_in(scope, body)
        self.scope = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        self.visit_all(node.decorator_list)
        outer = self.scope
        parameters = getattr(node, "type_params", [])
        self.scope = Scope("function", outer) if parameters else outer
        self.visit_all([*parameters, *node.bases, *node.keywords])
        self.visit_in(Scope("class", self.scope), node.body)
        self.scope = outer

    def visit_comprehension_of(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        rest = [part for each in others for part in (each.iter, each.target, *each.ifs)]
        self.visit_in(Scope("comprehension", self.scope), [first.target, *first.ifs, *rest, *values])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_comprehension_of  # noqa: N815

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent:
            scope = scope.parent
        self.visit_in(scope, [node.target])
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self.visit_annotation(node.annotation)
        self.visit_all([node.value])

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets):
            self.quote(node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and node.target.id == "__all__":
            self.quote(node.value)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        self.quote(node.slice)
        self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in FORWARD_REFERENCES:
            for argument in (*node.args, *node.keywords):
                self.quote(argument)
        if called in ATTRIBUTE_FUNCTIONS and len(node.args) > 1 and self.literal is None:
            of, name = node.args[:2]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isidentifier():
                self.attributes.append((of, name))
        self.generic_visit(node)

    def quote(self, node: ast.AST) -> None:
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                self.quoted.update(re.findall(r"\w+", each.value))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_binding(self, node: ast.AST) -> None:
        for name in (getattr(node, "name", None), getattr(node, "rest", None)):
            if isinstance(name, str):
                self.bind(name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = visit_binding  # noqa: N815
    visit_TypeVar = visit_ParamSpec = visit_TypeVarTuple = visit_binding  # noqa: N815

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        outer = self.literal
        if not HAS_FSTRING_POSITIONS and outer is None:
            self.literal = node
        for value in node.values:
            if not isinstance(value, ast.Constant):
                self.visit(value)
        self.literal = outer

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            if self.in_annotation:
                self.quote(node)
            if self.literal is None:
                self.strings.append(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes = [node]
        while isinstance(attributes[-1].value, ast.Attribute):
            attributes.append(attributes[-1].value)
        root = attributes[-1].value
        if isinstance(root, ast.Name):
            self.identifiers.add(root.id)
            self.uses.append(Use(root, attributes[::-1], self.scope, self.literal))
        else:
            self.visit(root)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.identifiers.add(node.id)
            self.uses.append(Use(node, [], self.scope, self.literal))
        else:
            self.bind(node.id)


def absolute(statement: ast.ImportFrom, package: list[str] | None) -> str | None:
    """Return the module that a statement imports from; None if it is relative to an unknown package."""
    if not statement.level:
        return statement.module or ""
    if not package or statement.level > len(package):
        return None
    parents = package[: len(package) - statement.level + 1]
    return ".".join([*parents, *filter(None, [statement.module])])


@dataclass(frozen=True)
class Edit:
    """A replacement of a part of the source."""

    start: int
    end: int
    text: str


class Rewriter:
    """One rewriting of a module."""

    def __init__(self, source: str, renames: Renames, path: str, moved_to: str, keep: Collection[str]) -> None:
        self.text = Text(source)
        self.source = source
        self.renames = renames
        self.names = Names(self.text, package_of(path) if path else None)
        self.new_package = package_of(moved_to)
        self.keep = keep
        self.keeps_all = path.endswith("__init__.py")  # its names are there for others

    def rewrite(self) -> str:
        edits = [*self.statements(), *self.edited_uses(), *self.edited_literals(), *self.strings()]
        result, end = [], len(self.source)
        for edit in sorted(edits, key=lambda each: each.start, reverse=True):
            result += [self.source[edit.end : end], edit.text]
            end = edit.start
        return "".join([self.source[:end], *reversed(result)])

    def new_name(self, imported: Imported) -> tuple[str, str]:
        """Return where `from base import name` finds the name now."""
        assert imported.base is not None  # noqa: S101 - checked by the callers
        if imported.alias.name == "*":
            return self.renames.module(imported.base), "*"
        return self.renames.name(imported.base, imported.alias.name)

    @cached_property
    def renamed(self) -> dict[tuple[Scope, str], str]:
        """The local names that change with the last part of what they import."""
        wanted: dict[tuple[Scope, str], set[str]] = {}
        for imported, scope in (each for pairs in self.names.imported.values() for each in pairs):
            is_from = isinstance(imported.statement, ast.ImportFrom)
            if is_from and imported.base is not None and imported.alias.asname is None:
                wanted.setdefault((scope, imported.local), set()).add(self.new_name(imported)[1])
            else:
                wanted.setdefault((scope, imported.local), set()).add(imported.local)
        new = {key: names.pop() for key, names in wanted.items() if len(names) == 1}
        changed = {key: name for key, name in new.items() if name != key[1]}
        targets: dict[str, set[str | None]] = {}
        for (scope, old), name in changed.items():
            targets.setdefault(name, set()).update(each.target for each in scope.imports(old))
        return {key: name for key, name in changed.items() if len(targets[name]) == 1 and self.is_safe(*key, name)}

    def is_safe(self, scope: Scope, old: str, new: str) -> bool:
        """Return whether a local name can change: it is bound by imports only, and the new one is not in use."""
        kept = scope is self.names.module and (self.keeps_all or old in self.keep)
        if kept or scope.kind == "class" or not scope.imports(old):
            return False
        if new in self.names.identifiers or {old, new} & self.names.quoted:
            return False
        uses = [use for use in self.names.uses if use.name.id == old and use.scope.find(old) is scope]
        return all(self.is_located(use) for use in uses)

    def is_located(self, use: Use) -> bool:
        """Return whether the source holds a use at its position; in an f-string, as often as it is used there."""
        if use.literal is None:
            start, end = self.text.span(use.name)
            return self.source[start:end] == use.name.id
        start, end = self.text.span(use.literal)
        used = sum(each.literal is use.literal and each.parts == use.parts for each in self.names.uses)
        return len(chain(use.parts).findall(self.source[start:end])) == used

    def edited_uses(self) -> Iterator[Edit]:
        """Yield the changed names and attributes outside f-strings."""
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
        """Yield the f-strings in which names or attributes change."""
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
        """Return how many attributes of a use are replaced with its name, and by what; None if nothing changes."""
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
        """Yield the strings that are the path of something that has moved, or its name in a module."""
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
        """Yield the changed import statements."""
        for statement, pairs in self.names.imported.items():
            start, end = self.text.span(statement)
            old = self.source[start:end]
            new = self.plain(old, start, pairs) if isinstance(statement, ast.Import) else self.split(statement, pairs)
            if new != old:
                yield Edit(start, end, new)

    def plain(self, text: str, offset: int, pairs: list[tuple[Imported, Scope]]) -> str:
        """Return `import a, b as c` with the new names of modules."""
        for imported, _ in reversed(pairs):
            start = self.text.span(imported.alias)[0] - offset
            new = self.renames.module(imported.alias.name)
            text = text[:start] + text[start:].replace(imported.alias.name, new, 1)
        return text

    def split(self, statement: ast.ImportFrom, pairs: list[tuple[Imported, Scope]]) -> str:
        """Return `from a import b, c` with new names, as several statements where they are in several modules now."""
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
        statements = [self.kept(statement, self.new_base(statement, first), names, groups.pop(first))]
        for group, numbers in groups.items():
            comments = [self.comment(statement, number) for number in numbers] if is_alone else []
            listed = [names[number] for number in numbers]
            statements.append(from_import(self.new_base(statement, group), listed, filter(None, comments)))
        return self.joined(start, end, statements) if is_alone else "; ".join(statements)

    def new_alias(self, imported: Imported, scope: Scope) -> str:
        """Return `name` or `name as alias` for the new statement."""
        new = self.new_name(imported)[1]
        local = self.renamed.get((scope, imported.local), imported.local)
        return new if new in {local, "*"} and imported.alias.asname != imported.alias.name else f"{new} as {local}"

    def new_base(self, statement: ast.ImportFrom, base: str) -> str:
        """Return what stands after `from`: relative if it was, and the module is still below the same package."""
        if not statement.level:
            return base
        anchor = ".".join(self.new_package[: max(0, len(self.new_package) - statement.level + 1)])
        if anchor and f"{base}.".startswith(f"{anchor}."):
            return "." * statement.level + base[len(anchor) + 1 :]
        return base

    def gaps(self, statement: ast.ImportFrom) -> tuple[str, list[str]]:
        """Return what stands before the first name of a statement, and after each."""
        start, end = self.text.span(statement)
        spans = [self.text.span(alias) for alias in statement.names]
        nexts = [*(each[0] for each in spans[1:]), end]
        return self.source[start : spans[0][0]], [
            self.source[each[1] : following] for each, following in zip(spans, nexts, strict=True)
        ]

    def comment(self, statement: ast.ImportFrom, number: int) -> str:
        """Return the comment after a name."""
        matched = COMMA_AND_COMMENT.match(self.gaps(statement)[1][number])
        return (matched and matched[1]) or ""

    def kept(self, statement: ast.ImportFrom, base: str, names: list[str], numbers: list[int]) -> str:
        """Return a statement in its own form, with some of its names."""
        head, gaps = self.gaps(statement)
        if not base or "\\" in head + "".join(gaps):
            return from_import(base, [names[number] for number in numbers], [])
        result = FROM.sub(lambda found: found[0] if found[1] == base else f"from {base} import", head, count=1)
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
        """Return whether a statement has its lines to itself, except for a comment."""
        line_start = max(self.source.rfind("\n", 0, start), self.source.rfind("\r", 0, start)) + 1
        following = NEWLINE.split(self.source[end:], maxsplit=1)[0].strip()
        return not self.source[line_start:start].strip() and not following.startswith(";")

    def joined(self, start: int, end: int, statements: list[str]) -> str:
        """Return statements on lines of their own, each with the comment that follows the old one."""
        line_start = max(self.source.rfind("\n", 0, start), self.source.rfind("\r", 0, start)) + 1
        ending = NEWLINE.search(self.source)
        separator = (ending[0] if ending else "\n") + self.source[line_start:start]
        comment = NEWLINE.split(self.source[end:], maxsplit=1)[0].strip()
        first, *others = statements
        lines = [first, *(each.replace("\n", separator) for each in others)]
        return separator.join([*(f"{each}  {comment}".rstrip() for each in lines[:-1]), lines[-1]])


def replacement(texts: Mapping[str, str], found: re.Match[str]) -> str:
    """Return what replaces a match."""
    return texts[found[0]]


def chain(parts: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a name with its attributes, and no more."""
    return re.compile(rf"(?<![\w.]){re.escape('.'.join(parts))}(?!\w|\.\w)")


def from_import(base: str, names: list[str], comments: Iterable[str]) -> str:
    """Return an import statement."""
    if not base:
        return f"import {', '.join(names)}"
    comment = " ".join(dict.fromkeys(comments))
    line = f"from {base} import {', '.join(names)}" + (f"  {comment}" if comment else "")
    if len(line) <= LINE_LENGTH or comment:
        return line
    return "\n".join([f"from {base} import (", *(f"    {name}," for name in names), ")"])
