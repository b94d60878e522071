"""Find the names in a Python module, with their scopes, uses, and the imports that bind them."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from slipway.imports.renames import REFERENCE, package_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


HAS_FSTRING_POSITIONS = sys.version_info >= (3, 12)
FORWARD_REFERENCES = {"ForwardRef", "TypeVar", "cast"}  # functions whose string arguments are annotations
ATTRIBUTE_FUNCTIONS = {"delattr", "getattr", "hasattr", "object", "setattr"}  # of a module, and a name as a string
NEWLINE = re.compile(r"\r\n|\r|\n")


class Text:
    """Python source and its syntax tree, with methods that convert positions to character offsets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        ends = [match.end() for match in NEWLINE.finditer(source)]
        self.starts = [0, *ends]
        self.is_ascii = source.isascii()

    def offset(self, line: int, column: int) -> int:
        """Return the character offset of a line number and byte column."""
        start = self.starts[line - 1]
        if self.is_ascii:
            return start + column
        text = self.source[start : self.starts[line] if line < len(self.starts) else None]
        return start + len(text.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.alias) -> tuple[int, int]:
        """Return the character offsets at which a syntax node starts and ends."""
        assert node.end_lineno is not None  # noqa: S101 - `ast.parse` sets them
        assert node.end_col_offset is not None  # noqa: S101
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)


@dataclass(eq=False)
class Imported:
    """One name in an import statement, and the scope in which the import binds it."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias
    base: str | None  # the module of `from module import`; None if it is relative to an unknown package

    @property
    def local(self) -> str:
        """The name under which the module uses the imported object."""
        name = self.alias.asname or self.alias.name
        return name.partition(".")[0] if isinstance(self.statement, ast.Import) and not self.alias.asname else name

    @property
    def is_root(self) -> bool:
        """Whether an import such as `import app.x` binds only the first part of the dotted name."""
        return isinstance(self.statement, ast.Import) and self.alias.asname is None

    @property
    def target(self) -> str | None:
        """The dotted path of the imported object, such as `app.x.y`."""
        if self.is_root:
            return self.local
        if isinstance(self.statement, ast.Import):
            return self.alias.name
        return None if self.base is None else f"{self.base}.{self.alias.name}".lstrip(".")


@dataclass(eq=False)
class Scope:
    """The names that a module, function, class or comprehension binds.

    None marks a binding other than an import.
    """

    kind: Literal["module", "function", "class", "comprehension"]
    parent: Scope | None = None
    bound: dict[str, list[Imported | None]] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)  # declared `global` or `nonlocal`

    def bind(self, name: str, imported: Imported | None = None) -> None:
        """Bind a name in this scope, or in the scope that its `global` or `nonlocal` declaration selects."""
        scope = self.elsewhere.get(name, self)
        scope.bound.setdefault(name, []).append(imported)

    def find(self, name: str) -> Scope | None:
        """Return the scope that binds a name used in this scope; None for a builtin."""
        if name in self.elsewhere:
            return self.elsewhere[name]
        scope: Scope | None = self
        while scope and (name not in scope.bound or (scope.kind == "class" and scope is not self)):
            scope = scope.parent
        return scope

    def imports(self, name: str) -> list[Imported]:
        """Return the imports that bind a name in this scope; empty if another statement binds it as well."""
        imported = [each for each in self.bound[name] if each is not None]
        return imported if len(imported) == len(self.bound[name]) else []


@dataclass(eq=False)
class Use:
    """A use of a name in source, together with the attributes that follow it."""

    name: ast.Name
    attributes: list[ast.Attribute]
    scope: Scope
    literal: ast.JoinedStr | None  # the f-string around it, before Python 3.12, which has no positions in f-strings

    @property
    def node(self) -> ast.expr:
        """The syntax node of the last attribute, or of the name if no attributes follow."""
        return self.attributes[-1] if self.attributes else self.name

    @property
    def parts(self) -> list[str]:
        """The name and its attributes as strings, such as `["app", "main"]` for `app.main`."""
        return [self.name.id, *(each.attr for each in self.attributes)]


class Names(ast.NodeVisitor):
    """AST visitor that collects a module's bindings, uses, imports and strings."""

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
        """Yield the dotted path of each object in other modules that this module imports, uses or names in a string."""
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
        """The module and attribute name of each call such as `setattr(module, "name", …)`."""
        uses = {use.node: use for use in self.uses}
        return [(uses[node], name) for node, name in self.attributes if node in uses]

    def targets(self, use: Use) -> set[str | None]:
        """Return the dotted paths that imports bind to a name; empty if another statement binds it as well."""
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
        """Collect the names in a string that is an annotation or an entry of `__all__`."""
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
    """Return the absolute module of a `from` import; None if it is relative and the package is unknown."""
    if not statement.level:
        return statement.module or ""
    if not package or statement.level > len(package):
        return None
    parents = package[: len(package) - statement.level + 1]
    return ".".join([*parents, *filter(None, [statement.module])])


def parses(source: str) -> bool:
    """Return whether Python source has valid syntax."""
    try:
        ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def exports(files: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the names of each module that other modules use.

    A use is an import, an attribute of an imported module, or a string with which a test patches an object.
    """
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
