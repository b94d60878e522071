"""Mutants that violate linter rules, each with the linter's expected message."""

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
DELETE = '    """Delete one product."""\n'
READ = """\
@router.get("/{product_id}", response_model=ProductRead, responses=error_responses(NotFound))
async def read_product(session: ReadSession"""
SESSION = "from sqlalchemy.ext.asyncio import AsyncSession\n"


@dataclass(frozen=True)
class LinterMutant:
    """An edit that violates a rule, the linter that reports it, and the expected message."""

    name: str
    check: str  # as named by the rule
    path: str
    old: str
    new: str
    says: str

    @property
    def tool(self) -> str:
        return self.check.split()[0].removesuffix(":")

    @property
    def code(self) -> str:
        """The linter's rule code, such as `TID251`."""
        return self.check.removeprefix(self.tool).lstrip(": ")

    def apply(self, service: Path) -> None:
        """Replace the only occurrence of `old` in the service's file by `new`."""
        file = service / self.path
        text = file.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{text.count(self.old)} occurrences in {self.path}: {self.old}"
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def is_reported(self, output: str) -> bool:
        """Return whether one line of the linter's output has the path, the rule code and the message."""
        parts = [f"{self.path}:", self.code, self.says] if self.tool != "lint-imports" else [f"{self.code} BROKEN"]
        return any(all(part in line for part in parts) for line in output.splitlines())


def inserted(*lines: str) -> str:
    """Return the docstring of a product's delete function, followed by the given lines."""
    return DELETE + "".join(f"    {line}\n" for line in lines)


IMPORTS = [
    LinterMutant(
        "a service imports a router",
        "lint-imports: Routers import services, services import models",
        SERVICE,
        DELETE,
        inserted("from app.routers import product as router"),
        "",
    ),
    LinterMutant(
        "a schema imports a model",
        "lint-imports: Schemas do not import the database",
        SCHEMA,
        "from app.enums.product import ProductStatus\n",
        "from app.enums.product import ProductStatus\nfrom app.models.product import Product\n",
        "",
    ),
    LinterMutant(
        "a service imports FastAPI",
        "lint-imports: Services and models do not import HTTP frameworks",
        SERVICE,
        SESSION,
        f"from fastapi import Request\n{SESSION}",
        "",
    ),
    LinterMutant(
        "production imports the development server",
        "lint-imports: The application does not import development code",
        "app/models/base.py",
        '    """Return a UUIDv7, which sorts',
        '    from development import databases\n    """Return a UUIDv7, which sorts',
        "",
    ),
]

LINT = [
    LinterMutant(
        "a service sleeps",
        "ruff ASYNC",
        SERVICE,
        DELETE,
        inserted("import time", "time.sleep(1)"),
        "Async functions should not call `time.sleep`",
    ),
    LinterMutant(
        "a service opens a file",
        "ruff ASYNC",
        SERVICE,
        DELETE,
        inserted('open("products.csv")'),
        "Async functions should not open files with blocking methods",
    ),
    LinterMutant(
        "a service runs a process",
        "ruff ASYNC",
        SERVICE,
        DELETE,
        inserted("import subprocess", 'subprocess.run(["sync"])'),
        "Async functions should not run processes with blocking methods",
    ),
    LinterMutant(
        "a dependency is a default value",
        "ruff FAST002",
        ROUTER,
        READ,
        "from fastapi import Depends\n" + READ.replace("ReadSession", "Slice = Depends(), *"),
        "FastAPI dependency without `Annotated`",
    ),
    LinterMutant(
        "a time has no zone",
        "ruff DTZ",
        SERVICE,
        DELETE,
        inserted("from datetime import datetime", "datetime.now()"),
        "`datetime.datetime.now()` called without a `tz` argument",
    ),
    LinterMutant(
        "a password is hardcoded",
        "ruff S105",
        SERVICE,
        DELETE,
        inserted('password = "hunter2"'),
        'Possible hardcoded password assigned to: "password"',
    ),
    LinterMutant(
        "every exception is caught",
        "ruff BLE001",
        SERVICE,
        DELETE,
        f"{DELETE}    try:\n        await flush(session)\n    except Exception:\n        return\n",
        "Do not catch blind exception: `Exception`",
    ),
    LinterMutant(
        "a bare except catches all",
        "ruff E722",
        SERVICE,
        DELETE,
        f"{DELETE}    try:\n        await flush(session)\n    except:\n        return\n",
        "Do not use bare `except`",
    ),
    LinterMutant("a service prints", "ruff T201", SERVICE, DELETE, inserted("print(product_id)"), "`print` found"),
    LinterMutant(
        "`noqa` has no code",
        "ruff PGH004",
        SERVICE,
        "    return rows[0]\n",
        "    return rows[0]  # noqa\n",
        "Use specific rule codes when using `noqa`",
    ),
]

TYPES = [
    LinterMutant(
        "a model is dumped with Pydantic 1's `dict`",
        "mypy deprecated",
        SERVICE,
        "new.model_dump()",
        "new.dict()",
        "use `model_dump` instead",
    ),
    LinterMutant(
        "rows are read with SQLAlchemy 1's `query`",
        "mypy attr-defined",
        SERVICE,
        DELETE,
        inserted("session.query(Product)"),
        '"AsyncSession" has no attribute "query"',
    ),
    LinterMutant(
        "a function has no annotations",
        "mypy no-untyped-def",
        SERVICE,
        "async def get(session: AsyncSession, product_id: UUID) -> Product:",
        "async def get(session, product_id):",
        "Function is missing a type annotation",
    ),
    LinterMutant(
        "`type: ignore` has no code",
        "mypy ignore-without-code",
        SERVICE,
        "    return rows[0]\n",
        "    return rows[1:]  # type: ignore\n",
        'consider "type: ignore[return-value]" instead',
    ),
]


def banned(ruff: Mapping[str, Any]) -> list[LinterMutant]:
    """Return a mutant for each API that ruff's configuration bans."""
    bans = ruff["lint"]["flake8-tidy-imports"]["banned-api"].items()
    return [
        LinterMutant(
            f"{name} is used", "ruff TID251", SERVICE, SESSION, f"{SESSION}from {imported(name)}\n", ban["msg"]
        )
        for name, ban in bans
    ]


def imported(name: str) -> str:
    parent, _, leaf = name.rpartition(".")
    return f"{parent or leaf} import {leaf if parent else '*'}"


BANNED = banned(tomllib.loads((TEMPLATE / "ruff.toml").read_text(encoding="utf-8")))
LINTER_MUTANTS = [*IMPORTS, *LINT, *BANNED, *TYPES]
