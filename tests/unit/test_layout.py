"""The layout of emitted modules equals ruff's, for random statements and for the modules of the template."""

from __future__ import annotations

import ast
import io
import random
import re
import subprocess
import sys
import textwrap
import tokenize
from functools import cache
from itertools import chain as chained
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from extensions.layout import Layout, module

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
RUFF = (sys.executable, "-m", "ruff")
STYLE = ("--quiet", "--no-cache", "--config", str(ROOT / "template" / "ruff.toml"))
EXAMPLES = 300
T = TypeVar("T")
Text = st.SearchStrategy[str]


def format_with_ruff(sources: list[str], directory: Path, *rules: str) -> list[str]:
    """Fix violations of `rules`, and format, with ruff."""
    files = [directory / f"module_{number}.py" for number in range(len(sources))]
    for file, source in zip(files, sources, strict=True):
        file.write_text(source, encoding="utf-8")
    for rule in rules:
        subprocess.run([*RUFF, "check", *STYLE, "--fix", "--exit-zero", "--select", rule, directory], check=True)
    subprocess.run([*RUFF, "format", *STYLE, directory], check=True)
    return [file.read_text(encoding="utf-8") for file in files]


def block(source: str) -> str:
    return textwrap.dedent(source).lstrip("\n")


# ── Imports ───────────────────────────────────────────────────────────────────────────────────────


def laid_out_imports(source: str, use: str = "") -> str:
    """Return the imports of a module after it is laid out."""
    use = use or "\n".join(sorted(set(re.findall(r"\w+", source)) - {"from", "import", "as"}))
    return module(f"{source}\n{use}\n").removesuffix(f"\n{use}\n")


def test_unused_import_is_removed() -> None:
    assert laid_out_imports("from typing import Any, Literal\nimport json", "x: Any = 1") == "from typing import Any\n"


@pytest.mark.parametrize(
    "use",
    [
        "x = Word",
        "x: Word = 1",
        "x: list[Word]",
        'x: Mapped["Word | None"] = 1',
        'def f(x: "list[Word]") -> None: ...',
        'def f() -> "Word": ...',
        "def f():\n    x: Word = 1",
        "def f(x=Word): ...",
        "def f():\n    return [x for x in Word]",
        "class A(Word): ...",
        "class A:\n    Word: Word | None = None",
        'x = f"{Word}"',
        "@Word.x\ndef f(): ...",
        'x = cast("Word", y)',
        '__all__ = ["Word"]',
    ],
)
def test_import_is_kept_when_name_is_used(use: str) -> None:
    assert module(f"from a import Word\n\n{use}\n").startswith("from a import Word\n")


@pytest.mark.parametrize(
    "use",
    [
        "x.Word()",
        "f(Word=1)",
        'x = "Word"',
        "# Word",
        '"""Word."""',
        'x: Literal["Word"] = 1',
        'x: Annotated[str, f("Word")] = 1',
        "def f(Word):\n    return Word",
        "def f():\n    Word = 1\n    return Word",
        "x = [Word for Word in y]",
    ],
)
def test_equal_word_does_not_keep_import(use: str) -> None:
    assert "import" not in module(f"from a import Word\n\n{use}\n")


def test_imports_of_one_module_are_merged() -> None:
    assert laid_out_imports("from a import c, b\nfrom a import b, d") == "from a import b, c, d\n"


def test_imports_are_grouped_in_sections() -> None:
    source = "import app\nfrom tests import x\nimport pytest\nfrom uuid import UUID\nimport json\nfrom a import b"
    expected = (
        "import json\nfrom uuid import UUID\n\nimport pytest\nfrom a import b\n\nimport app\nfrom tests import x\n"
    )
    assert laid_out_imports(source) == expected


def test_imported_names_are_sorted_by_case() -> None:
    assert (
        laid_out_imports("from a import b10, C, b9, _D, DD, Cc, _e, T")
        == "from a import _D, DD, C, Cc, T, _e, b9, b10\n"
    )


def test_aliased_import_has_own_line() -> None:
    assert laid_out_imports("from a import c as d, b, e") == "from a import b, e\nfrom a import c as d\n"


def test_future_import_is_first_and_kept() -> None:
    assert laid_out_imports("import json\nfrom __future__ import annotations", "json") == (
        "from __future__ import annotations\n\nimport json\n"
    )


def test_empty_type_checking_block_is_removed() -> None:
    guarded = "from typing import TYPE_CHECKING, Any\nif TYPE_CHECKING:\n    from a import b, c\n"
    assert laid_out_imports(guarded, "x: Any") == "from typing import Any\n"
    assert laid_out_imports(guarded, "x: b") == (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from a import b\n"
    )


def test_module_without_imports_is_unchanged() -> None:
    assert module('"""A module."""\nx = 1\n') == '"""A module."""\n\nx = 1\n'
    assert module('"""A module."""\n\nimport a\n') == '"""A module."""\n'
    assert module("import a\n") == module("") == module("\n\n") == ""


MODULES = [
    "sys",
    "collections.abc",
    "tomllib",
    "sqlalchemy",
    "sqlalchemy.orm",
    "app.models.a2",
    "app.models.a10",
    "tests",
]
MEMBERS = [
    "A",
    "B1",
    "B10",
    "B2",
    "UUID",
    "CONST",
    "_x",
    "_Y",
    "a1",
    "a10",
    "aB",
    "Ab",
    "AB",
    "a_b",
    "abc",
    "name_of_this",
]


@st.composite
def importing(draw: st.DrawFn) -> str:
    """Draw a module that uses some of its imports."""
    lines = []
    for name in draw(st.lists(st.sampled_from(MODULES), min_size=1, max_size=9)):
        members = draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=12, unique=True))
        lines.append(f"from {name} import {', '.join(members)}" if draw(st.booleans()) else f"import {name} as a1")
    uses = draw(st.lists(st.sampled_from(MEMBERS), unique=True))
    return "\n".join([*lines, "", *(f"print({name})" for name in uses)])


# ── Statements ────────────────────────────────────────────────────────────────────────────────────

LONG = "a_rather_long_name_of_something_that_is_used"
SIGNATURE = "session: AsyncSession, wanted: Annotated[ProductFilter, Query()], monkeypatch: pytest.MonkeyPatch"
ENTRIES = ", ".join(f'"entry_{number}": {number}' for number in range(9))
STATEMENTS = {
    "a call whose arguments fit on a line": f"{LONG}({LONG}, key=1)",
    "a call whose arguments do not": f"{LONG}({LONG}, {LONG}, key={LONG}, other=1)",
    "a call that ends a call": f'add("{LONG}", Column("id", Enum("draft", "live", name="{LONG}"), nullable=False))',
    "a call of one argument": f'text("{LONG} and {LONG}, then {LONG}")',
    "unpacked arguments": f"{LONG}(*{LONG}, **{LONG})",
    "a generator": f"{LONG}(column.icontains({LONG}) for column in {LONG} if column)",
    "a list": f"x = [{LONG}, {LONG}, 1]",
    "a dictionary": f"x = {{{ENTRIES}}}",
    "a comparison with a dictionary": f"assert {{name: link for name, link in {LONG}.items()}} == {{{ENTRIES}}}",
    "a comprehension": f"x = {{sort: {LONG} for sort in get_args({LONG}) for column in [sort.removeprefix()]}}",
    "a subscript": f'Amount = Annotated[Decimal, WithJsonSchema({{"type": "string", "{LONG}": ["4.50"]}})]',
    "a tuple in a subscript": f'Sort = Literal["{LONG}", "-{LONG}", "title"]',
    "an annotation and a call": f"name: Mapped[list[ProductStatus]] = mapped_column(Enum(ProductStatus, name={LONG}))",
    "an annotation and a name": f"name: Mapped[{LONG}, {LONG}] = {LONG}",
    "a name": f"{LONG}.{LONG}_of_all = {LONG}.attribute",
    "a string": f"{LONG} = \"{LONG} (with [brackets, {{and}} 'quotes') {LONG}\"",
    "a sum": f"{LONG} = {LONG} + {LONG} * {LONG} - 1",
    "conditions": f"if {LONG} is not None and {LONG} or not {LONG}.is_it(1):\n    pass",
    "another condition": f"if x:\n    pass\nelif {LONG} is not None and {LONG} in ({LONG}, 2):\n    pass",
    "a conditional expression": f"x = {LONG} if {LONG} is None else {LONG} + 1",
    "a chain": f"x = select({LONG}).where({LONG} == 1).order_by(Product.id).limit(1)",
    "a chain that is awaited": f"x = (await session.scalars(select({LONG}).where({LONG} == 1).limit({LONG}))).all()",
    "a lambda": f"{LONG}(Enum(ProductStatus, values_callable=lambda words: [word.value for word in words]), {LONG})",
    "a lambda that is assigned": f"{LONG} = lambda words: {LONG}(words, {LONG})",
    "a signature": f"async def test_something({SIGNATURE}) -> None:\n    pass",
    "a longer one": f"def test_something(request: Request, {SIGNATURE}, *, key: int = 1) -> dict[str, int]:\n    pass",
    "a parameter": f"def {LONG}({LONG}: {LONG}):\n    pass",
    "a result": f"def {LONG}_without_parameters() -> {LONG}:\n    pass",
    "a method": f"class A:\n    def f(self, {SIGNATURE}) -> None: ...",
    "a class": f"class Product(Identified, Timestamped, Generic[{LONG}], {LONG}):\n    pass",
    "a decorator": f'@router.patch("/{{id}}", response_model={LONG}, responses=described(Conflict))\ndef f(): ...',
    "a return": f"def f():\n    return {LONG}(await {LONG}(session, query), {LONG})",
    "a return of two": f"def f():\n    return {LONG}, {LONG}({LONG}, 1)",
    "a yield": f"def f():\n    yield or_(*(column.icontains({LONG}, autoescape=True) for column in {LONG}))",
    "an assertion": f'assert [error["location"] for error in again.json()["{LONG}"]] == ["body.sku", "body.title"]',
    "an assertion with its reason": f"assert {LONG} == {LONG}, {LONG}.text",
    "a reason that never fits": f'assert {LONG}, "{LONG} {LONG} {LONG}"',
    "an argument that never fits": f'assert name in names("{LONG} {LONG} {LONG}")',
    "a raised class": f"raise {LONG}.{LONG}.error",
    "a raised expression": f"raise (error or {LONG}) from {LONG}({LONG}, 1)",
    "a raised error": f'raise NotFound("{LONG}") from {LONG}.error({LONG})',
    "a loop over three": f"for number, ({LONG}, {LONG}) in {LONG}:\n    pass",
    "a loop": f"for name, value in {LONG}({LONG}, {LONG}):\n    pass",
    "a manager": f"with pytest.raises({LONG}, match={LONG}) as error:\n    pass",
    "managers": f"async with {LONG}() as client, {LONG}() as session:\n    pass",
    "exceptions": f"try:\n    pass\nexcept ({LONG}, {LONG}, KeyError) as error:\n    pass",
    "a deletion": f'del {LONG}["{LONG}"], {LONG}',
    "an import": f"def f():\n    from app.{LONG} import {LONG}, {LONG}_too",
    "a comment": f"{LONG} = {LONG}  # what is said of it here",
    "a comment for a linter": f"def {LONG}(self, value: str, other: int) -> None:  # noqa: ARG002\n    pass",
    "a comment after a call": f"{LONG}({LONG}, 1)  # what is said of it here",
    "wide letters": f'{LONG}("産業技術総合研究所", "産業技術総合研究所", "産業")',
    "needless parentheses": "x = (a + b)",
    "needless parentheses before a colon": "if (a and b):\n    pass\nelif (c):\n    pass",
    "needful parentheses": "x = (a + b) * (c + d)",
    "as many columns as fit": f"{LONG} = {'x' * 53}",
    "one column more": f"{LONG} = {'x' * 54}",
}


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return dict(
        zip(STATEMENTS, format_with_ruff(list(STATEMENTS.values()), tmp_path_factory.mktemp("split")), strict=True)
    )


@pytest.mark.parametrize("kind", STATEMENTS)
def test_long_line_is_split_like_ruff(kind: str, split: dict[str, str]) -> None:
    assert module(STATEMENTS[kind]) == split[kind]


@pytest.mark.parametrize(
    "line",
    [
        f"match {LONG}({LONG}, {LONG}, 1):",
        f"if {LONG}({LONG}): {LONG}({LONG})",
        f"    # {LONG} {LONG} {LONG}",
        f"x = '''{LONG} {LONG}",
        f"{LONG} {LONG} {LONG}",
    ],
)
def test_unsupported_line_is_unchanged(line: str) -> None:
    assert module(line) == f"{line}\n"


def test_string_content_is_unchanged() -> None:
    source = f'''
        """A module.

        import json


        {LONG}({LONG}, {LONG})
        """

        x = """
        def f(): ...
        # {LONG} {LONG} {LONG}



        """
    '''
    assert module(block(source)) == block(source)


# Expressions of growing depth, as they stand on one line.

NAMES = st.sampled_from(
    ["a", "id", "key", "session", "product", "configuration", "some_longer_name", "CONSTANT", "Class"]
)
NUMBERS = st.sampled_from(["1", "10_000", "0.5", "None", "True"])
STRINGS = st.sampled_from(
    ['"a"', '"it\'s"', '"(["', 'f"{a}/{b.id}"', 'b"x"', '"words, and more (of them)"', '"ünïcödé 産"']
)
SIGNS = st.sampled_from([" + ", " - ", " * ", " | ", " and ", " or ", " == ", " not in ", " is "])
TYPES = st.sampled_from(
    ["str", "int | None", "dict[str, Any]", "Mapped[Decimal | None]", "Annotated[Line, Field(ge=0)]"]
)


def form(pattern: str, *parts: Text) -> Text:
    return st.builds(pattern.format, *parts)


def comma_separated(parts: Text, fewest: int = 0, most: int = 4) -> Text:
    return st.lists(parts, min_size=fewest, max_size=most).map(", ".join)


def by_depth(build: Callable[[int], Text]) -> Callable[[int], Text]:
    """Cache strategies by depth under short names, which Hypothesis would otherwise print in full."""
    built = cache(build)

    @st.composite
    def drawn(draw: st.DrawFn, depth: int) -> str:
        return draw(built(depth))

    return cache(drawn)


@by_depth
def arguments(depth: int) -> Text:
    value = expression(depth)
    keywords = st.dictionaries(st.sampled_from(["key", "name", "on_delete", "nullable"]), value, max_size=3)
    pairs = keywords.map(lambda given: [f"{name}={value}" for name, value in given.items()])
    listing = st.tuples(st.lists(value, max_size=3), pairs).map(lambda given: ", ".join(chained(*given)))
    return st.one_of(listing, listing, form("{} for {} in {}", value, NAMES, operand(depth)), form("*{}", NAMES))


@by_depth
def chain(depth: int) -> Text:
    links = [form(".{}", NAMES)]
    if depth:
        call, index = form("({})", arguments(depth - 1)), form("[{}]", comma_separated(expression(depth - 1), 1, 2))
        links += [form(".{}{}", NAMES, call), form(".{}{}", NAMES, call), call, index]
    return form("{}{}", NAMES, st.lists(st.one_of(links), min_size=1, max_size=4).map("".join))


@by_depth
def closed(depth: int) -> Text:
    if not depth:
        return st.one_of(NAMES, NUMBERS, STRINGS)
    value, pair = expression(depth - 1), form("{}: {}", STRINGS, expression(depth - 1))
    displays = [
        form("[{}]", comma_separated(value)),
        form("{{{}}}", comma_separated(pair)),
        form("({}, {})", value, value),
    ]
    loop = form("{} for {} in {} if {}", value, NAMES, operand(depth - 1), operand(depth - 1))
    return st.one_of(NAMES, chain(depth), chain(depth), chain(depth), *displays, form("[{}]", loop))


@by_depth
def operand(depth: int) -> Text:
    return st.one_of(closed(depth), closed(depth), form("({})", operation(depth - 1)) if depth else NAMES)


@by_depth
def operation(depth: int) -> Text:
    some = operand(depth)
    more = st.lists(form("{}{}", SIGNS, some), min_size=1, max_size=3).map("".join)
    return form("{}{}", some, more)


@by_depth
def expression(depth: int) -> Text:
    if not depth:
        return closed(depth)
    others = [
        operation(depth - 1),
        form("{} if {} else {}", operand(depth - 1), operand(depth - 1), operand(depth - 1)),
        form("lambda {}: {}", NAMES, expression(depth - 1)),
        form("await {}", chain(depth)),
        form("not {}", operand(depth - 1)),
    ]
    return st.one_of(closed(depth), closed(depth), *others)


def statements() -> Text:
    value, some, body = expression(3), chain(3), "\n    pass"
    parameter = st.one_of(form("{}: {}", NAMES, TYPES), form("{}: {} = {}", NAMES, TYPES, closed(1)))
    parameters = st.lists(parameter, max_size=6, unique_by=lambda given: given.partition(":")[0])
    signature = parameters.map(lambda given: ", ".join(["*", *given] if given else given))
    simple = [
        form("{} = {}", NAMES, value),
        form("{}.{} = {}", NAMES, NAMES, value),
        form("{}[{}] = {}", NAMES, expression(1), value),
        form("{}, {} = {}", NAMES, NAMES, value),
        form("{}: {} = {}", NAMES, TYPES, value),
        form("{} += {}", NAMES, value),
        some,
        form("await {}", some),
        form("return {}", value),
        form("return {}, {}", value, value),
        form("yield {}", value),
        form("assert {} == {}", operand(2), operand(2)),
        form("assert {}, {}", operation(2), some),
        form("raise {} from {}", some, NAMES),
    ]
    compound = [
        form("if {}:" + body, operation(2)),
        form("for {}, {} in {}:" + body, NAMES, NAMES, closed(3)),
        form("async with {} as {}, {}:" + body, some, NAMES, some),
        form("with {} as {}:" + body, some, NAMES),
        form("@{}\nclass {}({}):" + body, some, NAMES, comma_separated(NAMES, 1, 8)),
        form("async def {}({}) -> {}:" + body, NAMES, signature, TYPES),
    ]
    return st.one_of(*simple, *compound)


def examples(strategy: st.SearchStrategy[T]) -> list[T]:
    """Draw examples reproducibly."""
    drawn: list[T] = []

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        drawn.append(example)

    collect()
    return drawn


def is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def assert_laid_out_like(sources: list[str], expected: list[str]) -> None:
    """Compare all sources; fail with the shortest one that differs."""
    laid_out = [module(source) for source in sources]
    wrong = [each for each in zip(sources, expected, laid_out, strict=True) if each[1] != each[2]]
    if wrong:
        source, formatted, actual = min(wrong, key=lambda each: len(each[0]))
        assert actual == formatted, source


def test_statements_are_formatted_like_ruff(tmp_path: Path) -> None:
    sources = [f"async def f():\n{textwrap.indent(source, '    ')}\n" for source in examples(statements())]
    sources = list(filter(is_python, sources))
    expected = format_with_ruff(sources, tmp_path)
    assert sum(each.count("\n") > 4 for each in expected) > EXAMPLES / 4
    assert_laid_out_like(sources, expected)
    assert [module(source) for source in sources] == format_with_ruff(expected, tmp_path)


def test_imports_are_sorted_like_ruff(tmp_path: Path) -> None:
    sources = examples(importing())
    assert_laid_out_like(sources, format_with_ruff(sources, tmp_path, "F401", "I"))


# ── Blank lines ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""A."""\nx = 1', '"""A."""\n\nx = 1\n'),
        ("import os\nos", "import os\n\nos\n"),
        ("import os\n\n\n\nos", "import os\n\nos\n"),
        ("import os\ndef f(): os", "import os\n\n\ndef f(): os\n"),
        ("x = 1\n\n\n\n\ny = 2\nz = 3", "x = 1\n\n\ny = 2\nz = 3\n"),
        ("x = 1\nclass A:\n\n    x = 1\ny = 2", "x = 1\n\n\nclass A:\n    x = 1\n\n\ny = 2\n"),
        ("x = 1\n# of f\n@a\n\n@b\n\ndef f(): ...", "x = 1\n\n\n# of f\n@a\n@b\ndef f(): ...\n"),
        ("x = 1\n# apart\n\ndef f(): ...", "x = 1\n# apart\n\n\ndef f(): ...\n"),
        ("class A:\n    x = 1\n    def f(): ...\n    y = 1", "class A:\n    x = 1\n\n    def f(): ...\n\n    y = 1\n"),
        ('class A:\n    """A."""\n    x = 1', 'class A:\n    """A."""\n\n    x = 1\n'),
        ('def f():\n    """A."""\n    x = 1', 'def f():\n    """A."""\n    x = 1\n'),
        ("if x:\n    def f(): ...\nelse:\n\n    y", "if x:\n\n    def f(): ...\nelse:\n    y\n"),
        ("def f():\n    import a\n    a", "def f():\n    import a\n\n    a\n"),
        ("x = 1\n\n\n", "x = 1\n"),
    ],
)
def test_blank_lines_are_normalised(source: str, expected: str) -> None:
    assert module(source) == expected


BLOCKS = [
    "def f():",
    "async def f():",
    "class A:",
    "if x:",
    "for x in y:",
    "with x:",
    "@x\ndef f():",
    "@x\n@y\nclass A:",
]
LINES = ["x = 1", "f(x)", "import a", '"""Text."""', "pass"]


@st.composite
def suite(draw: st.DrawFn, indent: int = 0) -> list[str]:
    """Draw some statements, with any number of blank lines between them."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        lines += [""] * (draw(st.integers(0, 4)) if lines else 0)
        if indent == 8 or draw(st.booleans()):
            lines.append(" " * indent + draw(st.sampled_from(LINES)))
        else:
            lines += textwrap.indent(draw(st.sampled_from(BLOCKS)), " " * indent).split("\n")
            lines += draw(suite(indent + 4))
    return lines


def test_blank_lines_are_formatted_like_ruff(tmp_path: Path) -> None:
    sources = ["\n".join(["x = 1", "", *lines]) for lines in examples(suite())]
    assert_laid_out_like(sources, format_with_ruff(sources, tmp_path))


# ── Modules ───────────────────────────────────────────────────────────────────────────────────────


class Joiner:
    """Joins every statement of a module into one line, as a template prints it."""

    def __init__(self) -> None:
        self.text = ""
        self.opened: list[int] = []  # offsets of open brackets
        self.previous: tokenize.TokenInfo | None = None

    @staticmethod
    def joined(source: str) -> str:
        """Return the joined module; empty for comments in brackets and implicit concatenation."""
        joiner = Joiner()
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in (tokenize.NEWLINE, tokenize.NL):
                joiner.end()
            elif joiner.cannot_follow(token):
                return ""
            elif token.type not in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                joiner.add(token)
        return joiner.text

    def end(self) -> None:
        if not self.opened:
            self.text, self.previous = f"{self.text}\n", None

    def cannot_follow(self, token: tokenize.TokenInfo) -> bool:
        is_string = token.type == tokenize.STRING and self.previous and self.previous.type == tokenize.STRING
        return bool(is_string or (token.type == tokenize.COMMENT and self.opened))

    def add(self, token: tokenize.TokenInfo) -> None:
        if not self.previous:
            self.text += " " * token.start[1]
        elif self.previous.end[0] == token.start[0]:
            self.text += " " * (token.start[1] - self.previous.end[1])
        elif token.string in ")]}":
            self.text = self.text.removesuffix("" if self.is_single() else ",")
        elif self.previous.string not in "([{" and token.string != ".":
            self.text += " "
        if token.type == tokenize.OP and token.string in "([{":
            self.opened.append(len(self.text))
        elif token.type == tokenize.OP and token.string in ")]}":
            self.opened.pop()
        self.text, self.previous = self.text + token.string, token

    def is_single(self) -> bool:
        """Return whether the closing brackets hold a tuple of one element."""
        inner = self.text[self.opened[-1] :] + ")"
        return is_python(inner) and isinstance(ast.parse(inner, mode="eval").body, ast.Tuple) and inner.endswith(",)")


def shuffled(source: str) -> str:
    """Shuffle the imports of a module; add a duplicate and an unused one."""
    lines = source.split("\n")
    head = takewhile(lambda node: isinstance(node, (ast.Expr, ast.Import, ast.ImportFrom)), ast.parse(source).body)
    numbers = [node.lineno - 1 for node in head if not isinstance(node, ast.Expr)]
    if not numbers:
        return source
    imports = [lines[number] for number in numbers]
    random.Random(source).shuffle(imports)  # noqa: S311 - no secret
    return "\n".join([*lines[: numbers[0]], *imports, imports[0], "import unused", *lines[numbers[-1] + 1 :]])


def test_service_modules_are_restored_from_joined_lines(tmp_path: Path) -> None:
    paths = [path for path in sorted((ROOT / "template").rglob("*.py")) if path.name != "__init__.py"]
    files = [path.read_text(encoding="utf-8") for path in paths]
    joined = [(file, shuffled(line)) for file, line in zip(files, map(Joiner.joined, files), strict=True) if line]
    sources = [source for _, source in joined]
    expected = format_with_ruff(sources, tmp_path, "F401", "I")
    assert_laid_out_like(sources, expected)
    same = sum(file == formatted for (file, _), formatted in zip(joined, expected, strict=True))
    assert same > len(files) * 0.7  # others hold implicit concatenations, or a magic trailing comma


def test_filter_lays_out_rendered_module() -> None:
    template = Environment(autoescape=True, extensions=[Layout]).from_string(
        "{% filter module %}from a import {{ names | join(', ') }}\nprint({{ names[0] }}){% endfilter %}"
    )
    assert template.render(names=["b", "c"]) == "from a import b\n\nprint(b)\n"
