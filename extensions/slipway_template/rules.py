"""Coding rules of the service, each with the check that fails if code breaks the rule.

To add a rule, add an entry to `RULES`. `AGENTS.md` prints those of the service's features, and
`tests/guidance/test_guidance.py` asserts that each check exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Rule:
    """A coding rule as one line, and the check that enforces it.

    A check is a test (`tests/test_x.py::test_y`), a rule of ruff (`ruff ASYNC251`), an error code of mypy (`mypy
    deprecated`), or a contract of import-linter (`lint-imports: Schemas do not import the database`). The rule applies
    to services with the feature `of`, or to every service.
    """

    says: str
    check: str
    of: str = "service"


ARCHITECTURE = "tests/architecture/test_architecture.py::test_"
ACCESS = "tests/architecture/test_access_policies.py::test_"
MIGRATIONS = "tests/database/test_migrations.py::test_"

RULES = (
    Rule(
        "Routers call services, and services use models, never the reverse.",
        "lint-imports: Routers import services, services import models",
    ),
    Rule("Schemas import neither models nor SQLAlchemy.", "lint-imports: Schemas do not import the database"),
    Rule(
        "Services and models import neither FastAPI nor Starlette.",
        "lint-imports: Services and models do not import HTTP frameworks",
    ),
    Rule(
        "`app/` does not import `development/`.",
        "lint-imports: The application does not import development code",
    ),
    Rule("Declare routes on an `APIRouter`.", f"{ARCHITECTURE}routes_are_defined_on_routers"),
    Rule(
        "Routes are async functions with a return type.", f"{ARCHITECTURE}route_functions_are_async_with_return_types"
    ),
    Rule(
        "The body of a route function is one statement, a call.",
        f"{ARCHITECTURE}route_function_bodies_are_one_statement",
    ),
    Rule(
        "Each route declares its authorization.",
        "tests/architecture/test_access_policies.py::test_every_route_declares_access_policy",
        of="auth",
    ),
    Rule(
        "Raise a class of `app/errors.py`, never `HTTPException`.",
        f"{ARCHITECTURE}only_errors_module_uses_http_exception",
    ),
    Rule("Never call `commit`. `Session` commits when the route returns.", f"{ARCHITECTURE}no_module_calls_commit"),
    Rule(
        "Handlers and services start no task that outlives the response.",
        f"{ARCHITECTURE}request_code_starts_no_background_tasks",
    ),
    Rule("No module creates an engine or a client on import.", f"{ARCHITECTURE}importing_app_opens_no_connections"),
    Rule(
        'Declare relationships with `lazy="raise"`, and load them in queries.',
        f"{ARCHITECTURE}relationships_are_not_lazy_loaded",
    ),
    Rule(
        "Declare columns as `Mapped[...] = mapped_column(...)`, except in a `Table` of an association.",
        f"{ARCHITECTURE}models_declare_columns_by_mapped_column",
    ),
    Rule(
        "Schemas are configured by `model_config`, never by a `class Config`.",
        f"{ARCHITECTURE}no_schema_has_config_class",
    ),
    Rule("Write SQL as SQLAlchemy expressions, never as text.", f"{ARCHITECTURE}no_module_writes_raw_sql"),
    Rule("After all migrations, the database matches the models.", f"{MIGRATIONS}upgraded_database_matches_models"),
    Rule("Each migration can be downgraded.", f"{MIGRATIONS}migrations_can_be_downgraded_and_upgraded_again"),
    Rule("Async code never blocks by `time.sleep`, `open` or `subprocess`.", "ruff ASYNC"),
    Rule("Use no API that `ruff.toml` bans. Its messages name replacements.", "ruff TID251"),
    Rule("Declare dependencies as `Annotated[..., Depends(...)]`.", "ruff FAST002"),
    Rule("Use the API of Pydantic 2, such as `model_dump` and `model_config`.", "mypy deprecated"),
    Rule("Use the API of SQLAlchemy 2: `select`, never `query`.", "mypy attr-defined"),
    Rule("Datetimes are timezone-aware, such as `datetime.now(UTC)`.", "ruff DTZ"),
    Rule("Code contains no secrets.", "ruff S105"),
    Rule("Catch only exceptions that you can handle, never `Exception`.", "ruff BLE001"),
    Rule("Never write a bare `except`.", "ruff E722"),
    Rule("Write to the log. Only commands may `print`.", "ruff T201"),
    Rule("Annotate all functions with types.", "mypy no-untyped-def"),
    Rule("A `noqa` comment names the rule that it ignores.", "ruff PGH004"),
    Rule("A `type: ignore` comment names the error that it ignores.", "mypy ignore-without-code"),
)


def rules_for(names: Collection[str]) -> list[Rule]:
    """List the coding rules that apply to a service with the given features."""
    return [rule for rule in RULES if rule.of in {"service", *names}]
