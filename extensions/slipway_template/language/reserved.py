"""Reject names of resources and fields that conflict with names in the generated service.

Resources conflict with files, tables, routes and operations of all features, because any of them may be selected
later. Names that only the modules of a resource use are allowed: if `VARIABLES` or `CLASSES` has the name, the
resource's own variable or class gets a suffix.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..catalogue import FEATURES
from .errors import reject, shown
from .plurals import candidates, plural_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEMPLATE = Path(__file__).parents[3] / "template"
LAYERS = ("app/enums", "app/models", "app/routers", "app/schemas", "app/services", "tests/factories")
OPERATIONS = re.compile(r"^async def ((?:create|delete|export|list|read|update)_\w+)\(", re.MULTILINE)
LONGEST = {"name": 24, "field": 24, "ref": 21}  # characters

OF_A_LIST = frozenset({"page", "size", "sort", "search", "offset"})
OF_A_ROW = frozenset({"id", "created_at", "updated_at", "deleted_at", "metadata", "registry", "type_annotation_map"})
# Names that class bodies use, which attributes would shadow.
OF_PYTHON = frozenset({"bool", "cls", "date", "datetime", "dict", "float", "int", "list", "self", "str", "time"})
OF_SQLALCHEMY = frozenset({"enum_type", "false", "mapped_column", "relationship", "true"})
OF_POSTGRESQL = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})  # its system columns
# Models in modules of another name: SQLAlchemy's registry resolves relationships by class name.
MODELS = frozenset({"HardJot", "Jot", "Role", "SoftJot", "UserRole"})
# Components of the OpenAPI schema that belong to no resource.
COMPONENTS = frozenset({"FieldProblem", "HTTPValidationError", "Problem", "ValidationError"})
# Classes that the modules of a resource import.
IMPORTED = frozenset(
    """
    Annotated Any AsciiEmail AsyncClient AsyncGenerator AsyncSession Base BigInteger Conflict CurrentUser Decimal
    Double False Field Filters FiniteFloat ForeignKey Identified Integer Json Line Link Links Literal Mapped
    ModuleType Moment None NotFound Number Numeric Page Paging Query ReadSchema ReadSession Record
    ReferenceScopes Schema Scope Sequence Session Slice StreamingResponse StreamSession StrEnum String Text
    TimeOfDay Timestamped True UniqueConstraint User
    """.split()  # noqa: SIM905
)
# Python's own classes, listed so that no service changes with the version of Python that runs Copier.
BUILTIN_CLASSES = frozenset(
    """
    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
    BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError
    ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning
    EnvironmentError Exception ExceptionGroup FileExistsError FileNotFoundError FloatingPointError FutureWarning
    GeneratorExit IOError ImportError ImportWarning IndentationError IndexError InterruptedError
    IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError
    NotADirectoryError NotImplemented NotImplementedError OSError OverflowError PendingDeprecationWarning
    PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning
    StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError
    TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
    UnicodeWarning UserWarning ValueError Warning ZeroDivisionError
    """.split()  # noqa: SIM905
)
# `Config` is what Pydantic 1 called `model_config`; a test of the architecture rejects it.
CLASSES = IMPORTED | BUILTIN_CLASSES | {"Config"}
# Python's builtins, listed so that no service changes with the version of Python that runs Copier.
BUILTINS = frozenset(
    """
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex
    copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr
    globals hasattr hash help hex id input int isinstance issubclass iter len license list locals map max
    memoryview min next object oct open ord pow print property quit range repr reversed round set setattr slice
    sorted staticmethod str sum super tuple type vars zip
    """.split()  # noqa: SIM905
)
# Names in the modules of a resource that a variable, parameter or import alias would shadow.
VARIABLES = BUILTINS | frozenset(
    """
    allow bearer bindparam changes check conditions contains count create csv date datetime delete enum_type
    equals error_responses export exported factory field fields filters flush func get get_args ids joinedload l
    links list_ids lock_references made make make_user method new now number objects owned owner_or_permission
    page_statements pages payload pytest query read records reference_scopes references relationship remove
    require_permission result router rows scope search select selects session signed_in_or_key some stream_csv
    test test_delete_removes_row tests time timedelta to_jsonable_python update use_key uuid4 value values where
    """.split()  # noqa: SIM905
)
# Reserved by PostgreSQL 18 (appendix C), or a keyword that SQLite does not accept as a name. Both databases accept all
# other keywords, and SQLite accepts columns named rowid and oid, as `tests/delivery/test_reserved_words.py` tests.
SQL = frozenset(
    """
    add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary
    both case cast check collate collation column commit concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user default deferrable
    delete desc distinct do drop else end escape except exists false fetch for foreign freeze from full grant
    group having if ilike in index initially inner insert intersect into is isnull join lateral leading left
    like limit localtime localtimestamp natural not nothing notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user set similar some symmetric system_user table
    tablesample then to trailing transaction true union unique update user using values variadic verbose when
    where window with
    """.split()  # noqa: SIM905
)


@cache
def packages() -> Mapping[str, str]:
    """Map each name in the `__init__.py` of a package such as `app/models` to the path of that file.

    A submodule of the same name would hide it.
    """
    return {
        name: f"{layer}/__init__.py"
        for layer in LAYERS
        for node in ast.parse((TEMPLATE / layer / "__init__.py").read_text(encoding="utf-8")).body
        for name in bound_names(node)
    }


def bound_names(node: ast.stmt) -> list[str]:
    """Return the names that a `def`, `class`, import or assignment statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]


@cache
def operations() -> Mapping[str, str]:
    """Map the operation ids of the features' routes to the files that define these routes."""
    return {
        name: path.relative_to(TEMPLATE).as_posix().removesuffix(".jinja")
        for path in (TEMPLATE / "app" / "routers").glob("*.py*")
        if "{" not in path.name
        for name in OPERATIONS.findall(path.read_text(encoding="utf-8"))
    }


@cache
def tables() -> Mapping[str, str]:
    """Map each existing table's name to a description for error messages."""
    texts = {table.name: f"a table of the feature {feature.name}" for feature in FEATURES for table in feature.tables}
    return (
        texts
        | {"jots": "a table of the service's own tests, in tests/support/sample_resource.py"}
        | {"alembic_version": "the table of Alembic"}
        | dict.fromkeys(
            ("hard_jots", "soft_jots"), "a table of the service's own tests, in tests/database/test_deletion.py"
        )
    )


@cache
def routes() -> Mapping[str, str]:
    """Map each first URL path segment of the features' routes to a description for error messages."""
    return {name: f"/api/v1/{name} is a route of the feature {each.name}" for each in FEATURES for name in each.routes}


def file_conflicts(name: str) -> Iterator[str]:
    """Yield an error clause for each generated module whose path or name already exists in the service."""
    modules = [*(f"{layer}/{name}.py" for layer in LAYERS), f"tests/test_{name}.py"]
    yield from (f"{path} is a file of the service" for path in modules if is_file(path))
    if name in packages():
        yield f"{packages()[name]} defines {name}"


def plural_conflicts(plural: str) -> Iterator[str]:
    """Yield an error clause if a plural is reserved in SQL, or already the name of a table or route."""
    if plural in SQL:
        yield f"its plural {plural} is a reserved word of SQL"
    if plural.startswith(("pg_", "sqlite_")):
        prefix, database = ("pg_", "PostgreSQL") if plural.startswith("pg_") else ("sqlite_", "SQLite")
        yield f"its plural {plural} begins with {prefix}, which {database} reserves"
    if plural in tables():
        yield f"its plural {plural} is {tables()[plural]}"
    path = plural.replace("_", "-")
    if path in routes():
        yield f"its plural is {plural}, and {routes()[path]}"


def operation_conflicts(name: str, plural: str) -> Iterator[str]:
    """Yield an error clause for each generated OpenAPI operation id that already exists in the service."""
    handlers = [f"{verb}_{name}" for verb in ("create", "read", "update", "delete")]
    for handler in (*handlers, f"list_{plural}", f"export_{plural}"):
        if handler in operations():
            yield f"{operations()[handler]} has an operation {handler}"


def is_file(path: str) -> bool:
    """Return whether the template has a file for a path, as plain text or as a Jinja template."""
    return (TEMPLATE / path).exists() or (TEMPLATE / f"{path}.jinja").exists()


def snake_case(place: str, name: object, kind: str) -> str:
    """Return a name if it is in snake_case; reject any other.

    Such names are valid in Python, SQL and URLs.
    """
    if not isinstance(name, str):
        reject(place, f"the {kind} {shown(name)} is not text: put it in quotes.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", plain)
        fix = "_".join(words).lower().lstrip("0123456789_")
        fix = fix[: LONGEST["field"]].strip("_")
        hint = f"; for example {fix}" if fix and keyword.iskeyword(fix) is False else ""
        reject(place, f"the {kind} {shown(name)} is not in lower_snake_case, of a to z, 0 to 9 and single _{hint}.")
    if keyword.iskeyword(name):
        reject(place, f"{name} is a keyword of Python: choose another {kind}, such as {name}_value.")
    return name


def resource_name(place: str, name: object) -> str:
    """Return the name of a resource; reject a name that is too long or not in snake_case."""
    valid = snake_case(place, name, "name")
    if len(valid) > LONGEST["name"]:
        reject(place, f"the name has {len(valid)} characters: shorten it to {LONGEST['name']} or less.")
    return valid


def former_name(place: str, name: object) -> str:
    """Return the previous name of a resource or field, if it is in snake_case and not too long.

    Reserved names are allowed, because the generated code does not use the previous name.
    """
    valid = snake_case(place, name, "name")
    if len(valid) > LONGEST["name"]:
        reject(place, f"the name has {len(valid)} characters: shorten it to {LONGEST['name']} or less.")
    return valid


def alternative(name: str, suffix: str) -> str:
    """Return an alternative for a rejected name, made of its beginning and a suffix."""
    room = LONGEST["ref"] - len(suffix) - 1
    stem = name.removeprefix("sqlite_").removeprefix("pg_").removeprefix("model_")[:room].strip("_")
    return f"{stem}_{suffix}" if stem[:1].isalpha() else f"{suffix}_{stem}"


def check_conflicts(name: str, plural: str) -> None:
    """Reject a resource if the service already has its module paths, table, URL path or operation ids."""
    for conflict in file_conflicts(name):
        reject(name, f"{conflict}: choose another name, such as {alternative(name, 'record')}.")
    for conflict in plural_conflicts(plural):
        reject(name, f"{conflict}: set `plural:` to another word, such as {alternative(name, 'records')}.")
    for conflict in operation_conflicts(name, plural):
        reject(name, f"{conflict}: choose another name, such as {alternative(name, 'record')}.")


def plural_name(name: str, declared: object) -> str:
    """Return the plural of a resource, which is declared or formed by English rules; reject an uncertain one."""
    if declared is None and candidates(name):
        reject(name, f"its plural is uncertain: set {plural_choices(name)}.")
    plural = plural_of(name) if declared is None else snake_case(name, declared, "plural")
    if len(plural) > LONGEST["name"]:
        reject(name, f"the plural {plural} has {len(plural)} characters: set `plural:` to {LONGEST['name']} or less.")
    return plural


def plural_choices(name: str) -> str:
    """Return the declarations of an uncertain plural that are accepted, as words of an error."""
    former, _ = candidates(name)
    accepted = [each for each in short_candidates(name) if not any(plural_conflicts(each))]
    choices = [f"`plural: {each}`{', which keeps an existing table' if each == former else ''}" for each in accepted]
    return ", or ".join(choices) or f"`plural:` to a word of up to {LONGEST['name']} characters"


def short_candidates(name: str) -> list[str]:
    """Return the candidates for an uncertain plural that are not too long."""
    return [each for each in candidates(name) if len(each) <= LONGEST["name"]]


def former_plural(place: str, name: str, declared: object) -> str:
    """Return the previous plural of a renamed resource; reject an uncertain one."""
    if declared is None and candidates(name):
        choices = " or ".join(f"`{{name: {name}, plural: {plural}}}`" for plural in short_candidates(name))
        fix = f", such as {choices}" if choices else " by `plural:` in `was`"
        reject(place, f"the plural of {name} is uncertain: state the previous one{fix}.")
    return plural_of(name) if declared is None else former_name(place, declared)


def field_name(place: str, name: object, kind: str) -> str:
    """Return the name of a field; reject a name that conflicts with a column, parameter or attribute."""
    valid = snake_case(place, name, "name")
    longest = LONGEST["ref" if kind == "ref" else "field"]
    if len(valid) > longest:
        reject(place, f"the name has {len(valid)} characters: shorten it to {longest} or less.")
    if problem := field_problem(valid, kind):
        reject(place, problem)
    return valid


def field_problem(name: str, kind: str) -> str:
    """Return why a field's name conflicts, with an alternative name; empty if it does not conflict."""
    is_pydantic = hasattr(BaseModel, name) or name.startswith(("model_dump", "model_validate"))
    reasons = {
        "is added by the template or belongs to SQLAlchemy": name in OF_A_ROW or name == "owner_id",
        "is a query parameter of every list": name in OF_A_LIST,
        "is a name that Python or Pydantic uses in a class": name in OF_PYTHON or is_pydantic,
        "is a name that SQLAlchemy uses in a class": name in OF_SQLALCHEMY,
        "looks like 1 in code": name == "l",
        "is a system column of PostgreSQL": name in OF_POSTGRESQL,
        "is a reserved word of SQL": kind != "ref" and name in SQL,
    }
    other = alternative(name, "value")
    return next((f"{name} {why}: choose another name, such as {other}." for why, holds in reasons.items() if holds), "")
