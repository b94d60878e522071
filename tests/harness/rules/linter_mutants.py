"""What breaks each rule that a linter holds, and what the linter says then; `breaks` has those that a test holds."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.harness.workspace import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MODEL, SCHEMA = "app/models/product.py", "app/schemas/product.py"
SERVICE, ROUTER = "app/services/product.py", "app/routers/product.py"
DELETE = '    """Remove a product."""\n'
READ = """\
@router.get("/{product_id}", response_model=ProductRead, responses=described(NotFound))
async def read_product(session: ReadSession"""
SESSION = "from sqlalchemy.ext.asyncio import AsyncSession\n"


@dataclass(frozen=True)
class Mutation:
    """A sentence that says what is wrong, the edit that makes it so, the check that sees it, and its words."""

    name: str
    check: str  # as a rule names it
    path: str
    old: str
    new: str
    says: str

    @property
    def tool(self) -> str:
        return self.check.split()[0].removesuffix(":")

    @property
    def code(self) -> str:
        """The linter's own name of what it sees."""
        return self.check.removeprefix(self.tool).lstrip(": ")

    def apply(self, service: Path) -> None:
        """Edit the service; what is to be replaced must stand there once, or the edit would break nothing."""
        file = service / self.path
        text = file.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{self.path} holds {text.count(self.old)} times: {self.old}"
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def is_told(self, output: str) -> bool:
        """Say whether a line of the linter's tells of this: where, what, and in which words."""
        told = [f"{self.path}:", self.code, self.says] if self.tool != "lint-imports" else [f"{self.code} BROKEN"]
        return any(all(words in line for words in told) for line in output.splitlines())


def added(*lines: str) -> str:
    """Begin the removal of a product by something else."""
    return DELETE + "".join(f"    {line}\n" for line in lines)


IMPORTS = [
    Mutation(
        "a service asks a router",
        "lint-imports: Routers ask services, services ask models",
        SERVICE,
        DELETE,
        added("from app.routers import product as router"),
        "",
    ),
    Mutation(
        "a schema knows a table",
        "lint-imports: Schemas stand at the edge, without a database",
        SCHEMA,
        "from app.enums.product import ProductStatus\n",
        "from app.enums.product import ProductStatus\nfrom app.models.product import Product\n",
        "",
    ),
    Mutation(
        "a service asks for the request",
        "lint-imports: Services know nothing of HTTP",
        SERVICE,
        SESSION,
        f"from fastapi import Request\n{SESSION}",
        "",
    ),
    Mutation(
        "production starts a server of development's",
        "lint-imports: What is for development never runs in production",
        "app/identifiers.py",
        '    """Make a key;',
        '    from development import databases\n    """Make a key;',
        "",
    ),
]

LINT = [
    Mutation(
        "a service sleeps",
        "ruff ASYNC",
        SERVICE,
        DELETE,
        added("import time", "time.sleep(1)"),
        "Async functions should not call `time.sleep`",
    ),
    Mutation(
        "a service opens a file",
        "ruff ASYNC",
        SERVICE,
        DELETE,
        added('open("products.csv")'),
        "Async functions should not open files with blocking methods",
    ),
    Mutation(
        "a service waits for a program",
        "ruff ASYNC",
        SERVICE,
        DELETE,
        added("import subprocess", 'subprocess.run(["sync"])'),
        "Async functions should not run processes with blocking methods",
    ),
    Mutation(
        "a dependency is a default",
        "ruff FAST002",
        ROUTER,
        READ,
        "from fastapi import Depends\n" + READ.replace("ReadSession", "Slice = Depends(), *"),
        "FastAPI dependency without `Annotated`",
    ),
    Mutation(
        "a time has no zone",
        "ruff DTZ",
        SERVICE,
        DELETE,
        added("from datetime import datetime", "datetime.now()"),
        "`datetime.datetime.now()` called without a `tz` argument",
    ),
    Mutation(
        "a password stands in code",
        "ruff S105",
        SERVICE,
        DELETE,
        added('password = "hunter2"'),
        'Possible hardcoded password assigned to: "password"',
    ),
    Mutation(
        "everything is caught",
        "ruff BLE001",
        SERVICE,
        DELETE,
        f"{DELETE}    try:\n        await flush(session)\n    except Exception:\n        return\n",
        "Do not catch blind exception: `Exception`",
    ),
    Mutation(
        "whatever happens is caught",
        "ruff E722",
        SERVICE,
        DELETE,
        f"{DELETE}    try:\n        await flush(session)\n    except:\n        return\n",
        "Do not use bare `except`",
    ),
    Mutation("a service prints", "ruff T201", SERVICE, DELETE, added("print(product_id)"), "`print` found"),
    Mutation(
        "a line is excused from every rule",
        "ruff PGH004",
        SERVICE,
        "    return found[0]\n",
        "    return found[0]  # noqa\n",
        "Use specific rule codes when using `noqa`",
    ),
]

TYPES = [
    Mutation(
        "what is sent is read as Pydantic 1 has it",
        "mypy deprecated",
        SERVICE,
        "new.model_dump()",
        "new.dict()",
        "use `model_dump` instead",
    ),
    Mutation(
        "what is kept is asked for as SQLAlchemy 1 has it",
        "mypy attr-defined",
        SERVICE,
        DELETE,
        added("session.query(Product)"),
        '"AsyncSession" has no attribute "query"',
    ),
    Mutation(
        "a function has no types",
        "mypy no-untyped-def",
        SERVICE,
        "async def get(session: AsyncSession, product_id: UUID) -> Product:",
        "async def get(session, product_id):",
        "Function is missing a type annotation",
    ),
    Mutation(
        "a line is excused from every type",
        "mypy ignore-without-code",
        SERVICE,
        "    return found[0]\n",
        "    return found[1:]  # type: ignore\n",
        'consider "type: ignore[return-value]" instead',
    ),
]


def banned(ruff: Mapping[str, Any]) -> list[Mutation]:
    """Use each thing that the linter's configuration bans."""
    bans = ruff["lint"]["flake8-tidy-imports"]["banned-api"].items()
    return [
        Mutation(f"{name} is used", "ruff TID251", SERVICE, SESSION, f"{SESSION}from {imported(name)}\n", ban["msg"])
        for name, ban in bans
    ]


def imported(name: str) -> str:
    parent, _, leaf = name.rpartition(".")
    return f"{parent or leaf} import {leaf if parent else '*'}"


BANNED = banned(tomllib.loads((TEMPLATE / "ruff.toml").read_text(encoding="utf-8")))
MUTATIONS = [*IMPORTS, *LINT, *BANNED, *TYPES]
