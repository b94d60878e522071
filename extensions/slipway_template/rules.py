"""Rules of the service's code, each with the check that fails if code breaks it.

To add a rule, add an entry to `RULES`. `AGENTS.md` prints those of the service's features, and
`tests/test_guidance.py` asserts that each check exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Rule:
    """A rule in one line, and its check.

    A check is a test (`tests/test_x.py::test_y`), a rule of ruff (`ruff ASYNC251`), an error code of mypy (`mypy
    deprecated`), or a contract of import-linter (`lint-imports: Services know nothing of HTTP`). The rule applies to
    services with the feature `of`, or to every service.
    """

    says: str
    check: str
    of: str = "service"


ARCHITECTURE = "tests/test_architecture.py::test_"
MIGRATIONS = "tests/test_migrations.py::test_"

RULES = (
    Rule(
        "Routers ask services, services ask models; never back.",
        "lint-imports: Routers ask services, services ask models",
    ),
    Rule("A schema knows no table and no query.", "lint-imports: Schemas stand at the edge, without a database"),
    Rule("A service or a model knows nothing of HTTP.", "lint-imports: Services know nothing of HTTP"),
    Rule(
        "`app/` imports nothing of `development/`.",
        "lint-imports: What is for development never runs in production",
    ),
    Rule("A route stands on an `APIRouter`.", f"{ARCHITECTURE}every_route_stands_on_a_router"),
    Rule("A route is async and says what it returns.", f"{ARCHITECTURE}every_route_is_async_and_says_what_it_returns"),
    Rule("A handler is one statement: a call.", f"{ARCHITECTURE}every_handler_of_the_api_is_one_statement"),
    Rule("A route says who may call it.", "tests/test_access.py::test_every_route_declares_who_may_call_it", of="auth"),
    Rule(
        "Raise a class of `app/errors.py`, never `HTTPException`.",
        f"{ARCHITECTURE}only_errors_speaks_of_http_exceptions",
    ),
    Rule("Never commit: `Session` does, as the route returns.", f"{ARCHITECTURE}nobody_commits_but_the_session"),
    Rule(
        "A handler or a service starts nothing that outlives its answer.",
        f"{ARCHITECTURE}nothing_goes_on_after_its_answer",
    ),
    Rule("An import opens no engine and no client.", f"{ARCHITECTURE}an_import_opens_nothing"),
    Rule(
        'A relationship is `lazy="raise"`; a query names what it loads.',
        f"{ARCHITECTURE}relationships_load_nothing_unasked",
    ),
    Rule("A column is `Mapped[...] = mapped_column(...)`.", f"{ARCHITECTURE}columns_are_mapped_by_their_types"),
    Rule(
        "A schema is configured by `model_config`, never by a `class Config`.",
        f"{ARCHITECTURE}schemas_are_configured_by_model_config",
    ),
    Rule("SQL is written as expressions, never as text.", f"{ARCHITECTURE}sql_is_written_as_expressions"),
    Rule("The revisions lead to the models.", f"{MIGRATIONS}the_revisions_lead_to_the_models"),
    Rule("A revision can be undone.", f"{MIGRATIONS}the_way_back_leads_to_nothing_and_forth_again"),
    Rule("Nothing in async code blocks: no `time.sleep`, no `open`, no `subprocess`.", "ruff ASYNC"),
    Rule("What `ruff.toml` bans is not used; it says what is used instead.", "ruff TID251"),
    Rule("A dependency is `Annotated[..., Depends(...)]`.", "ruff FAST002"),
    Rule("Pydantic is version 2: `model_dump`, `model_config`.", "mypy deprecated"),
    Rule("SQLAlchemy is version 2: `select`, never `query`.", "mypy attr-defined"),
    Rule("A time has a zone: `datetime.now(UTC)`.", "ruff DTZ"),
    Rule("No secret stands in code.", "ruff S105"),
    Rule("Catch what you can mend, never `Exception`.", "ruff BLE001"),
    Rule("An `except` names what it catches.", "ruff E722"),
    Rule("Log; only commands `print`.", "ruff T201"),
    Rule("Everything has a type.", "mypy no-untyped-def"),
    Rule("A `noqa` names its rule.", "ruff PGH004"),
    Rule("A `type: ignore` names its error.", "mypy ignore-without-code"),
)


def rules_for(names: Collection[str]) -> list[Rule]:
    """List the rules of a service with the named features."""
    return [rule for rule in RULES if rule.of in {"service", *names}]
