"""Deliberate breaks of the emitted service: each breaks a promise, and names the test that must then fail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.harness.domains import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BOTH = ("postgresql", "sqlite")
POSTGRESQL = ("postgresql",)
SQLITE = ("sqlite",)


@dataclass(frozen=True)
class Break:
    """A sentence that says what is wrong, the edit that makes it so, and the test of the service that sees it."""

    name: str
    path: str
    old: str  # empty where the file is a new one
    new: str
    test: str
    databases: tuple[str, ...] = POSTGRESQL
    drill: bool = False
    answers: Mapping[str, Any] = field(default_factory=dict, hash=False)  # to other questions than that of the database

    def apply(self, service: Path) -> None:
        """Edit the service; what is to be replaced must stand there once, or a break would break nothing."""
        file = service / self.path
        if not self.old:
            assert not file.exists(), f"{self.path} is there already"
            file.write_text(self.new, encoding="utf-8")
            return
        text = file.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{self.path} holds {text.count(self.old)} times: {self.old}"
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")


TRANSACTION = """\
    async with connection.app.state.sessions.begin() as session:
        yield session
"""
KEEPS_WHAT_FAILED = """\
    async with connection.app.state.sessions() as session:
        try:
            yield session
        finally:
            await session.commit()
"""
CLOSES_WHEN_ALL_IS_WELL = """\
    session = connection.app.state.sessions()
    connection.app.state.kept = (*getattr(connection.app.state, "kept", ()), session)
    yield session
    if not await Request(connection.scope, connection._receive).is_disconnected():
        await session.commit()
        await session.close()
"""
SECOND_HEAD = """\
revision = "0000"
down_revision = None
"""
REWRITES_A_TABLE = """\
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.alter_column("products", "price", type_=sa.Float())


def downgrade() -> None:
    op.alter_column("products", "price", type_=sa.Numeric(10, 2))
"""
LOCKED = """\
            async with migration_lock(connection):
                await connection.run_sync(upgrade)
"""
# The transaction stays open for longer than replicas that start at once lie apart.
UNLOCKED = """\
            async with connection.begin():
                await connection.run_sync(upgrade)
                await connection.exec_driver_sql("SELECT pg_sleep(3)")
"""

LENIENT = """\
from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Lenient(HttpToolsProtocol):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_transfer_encoding=True,
            lenient_optional_lf_after_cr=True,
            lenient_optional_cr_before_lf=True,
        )


HTTP_PROTOCOLS["auto"] = f"{__name__}:Lenient"


class Server(uvicorn.Server):
"""

TRANSACTIONS = [
    Break(
        "the commit comes after the answer",
        "app/database.py",
        'Depends(transaction, scope="function")',
        "Depends(transaction)",
        "test_transactions.py::test_nothing_is_kept_of_what_failed",
        BOTH,
    ),
    Break(
        "an error commits",
        "app/database.py",
        TRANSACTION,
        KEEPS_WHAT_FAILED,
        "test_transactions.py::test_nothing_is_kept_of_what_failed",
        BOTH,
    ),
    Break(
        "nothing is committed",
        "app/database.py",
        "sessions.begin()",
        "sessions()",
        "test_transactions.py::test_what_was_answered_can_be_read_at_once",
        BOTH,
    ),
    Break(
        "a client that hangs up keeps a connection",
        "app/database.py",
        TRANSACTION,
        CLOSES_WHEN_ALL_IS_WELL,
        "test_transactions.py::test_clients_that_hang_up_leave_no_connection_in_use",
        BOTH,
    ),
    Break(
        "a reader does not see what is committed",
        "app/postgresql.py",
        'return {} if pooled else {"isolation_level": "AUTOCOMMIT"}',
        'return {"isolation_level": "REPEATABLE READ"}',
        "test_database.py::test_a_reader_sees_what_is_committed",
    ),
    Break(
        "a reader holds the file",
        "app/sqlite.py",
        'return {"isolation_level": "AUTOCOMMIT"}',
        "return {}",
        "test_database.py::test_a_reader_sees_what_is_committed",
        SQLITE,
    ),
    Break(
        "a test keeps what it writes",
        "tests/conftest.py",
        "await transaction.rollback()",
        "await transaction.commit()",
        "test_database.py::test_tests_do_not_meet_what_others_kept",
        BOTH,
    ),
    Break(
        "what refers to one another is not emptied",
        "tests/tables.py",
        "        if columns:\n",
        "        if not columns:\n",
        "test_database.py::test_tables_are_emptied_though_they_refer_to_one_another",
        BOTH,
    ),
    Break(
        "what is referred to is emptied first",
        "tests/tables.py",
        "any(column.nullable for column in reference.columns)",
        "True",
        "test_database.py::test_tables_are_emptied_though_they_refer_to_one_another",
        BOTH,
    ),
    Break(
        "any database of PostgreSQL is dropped",
        "development/postgresql.py",
        'if "_test_" not in (url.database or ""):',
        "if not url.database:",
        "test_database.py::test_only_a_test_database_is_dropped",
    ),
    Break(
        "any file of SQLite is dropped",
        "development/sqlite.py",
        'if "_test_" not in database:',
        "if not database:",
        "test_database.py::test_only_a_test_database_is_dropped",
        SQLITE,
    ),
    Break(
        "a busy pool is an internal error",
        "app/database.py",
        "    app.add_exception_handler(PoolTimeoutError, tell_gone)\n",
        "",
        "test_postgresql.py::test_a_busy_pool_is_told_as_unavailable",
    ),
    Break(
        "an outage is an internal error",
        "app/postgresql.py",
        "raise Unavailable(message) from error",
        "raise",
        "test_postgresql.py::test_an_outage_costs_readiness_and_ends_by_itself",
        drill=True,
    ),
]

MIGRATIONS = [
    Break(
        "the revisions lack a column",
        "migrations/versions/0001_initial.py",
        '        sa.Column("description", sa.Text(), nullable=True),\n',
        "",
        "test_migrations.py::test_the_revisions_lead_to_the_models",
        BOTH,
    ),
    Break(
        "the revisions lack an index",
        "migrations/versions/0001_initial.py",
        '    op.create_index(op.f("ix_products_price"), "products", ["price"])\n',
        "",
        "test_migrations.py::test_the_revisions_lead_to_the_models",
        BOTH,
    ),
    Break(
        "there are two newest revisions",
        "migrations/versions/0000_other.py",
        "",
        SECOND_HEAD,
        "test_migrations.py::test_there_is_one_newest_revision",
    ),
    Break(
        "the way back forgets a table",
        "migrations/versions/0001_initial.py",
        'op.drop_table("products")',
        "pass",
        "test_migrations.py::test_the_way_back_leads_to_nothing_and_forth_again",
        BOTH,
    ),
    Break(
        "the service migrates as it starts",
        "app/database.py",
        "    engine = create_engine(chosen)\n",
        "    engine = create_engine(chosen)\n    from app import migrate\n\n    await migrate.migrate()\n",
        "test_migrations.py::test_the_service_does_not_migrate_as_it_starts",
        BOTH,
    ),
    Break(
        "replicas migrate without a lock",
        "app/migrate.py",
        LOCKED,
        UNLOCKED,
        "test_migrations.py::test_replicas_that_start_at_once_migrate_once",
        drill=True,
    ),
    Break(
        "a migration always has something to do",
        "app/migrate.py",
        "                return False\n",
        "                pass\n",
        "test_migrations.py::test_a_second_migration_has_nothing_to_do",
    ),
    Break(
        "a migration rewrites a table",
        "migrations/versions/0002_price.py",
        "",
        REWRITES_A_TABLE,
        "test_postgresql.py::test_migrations_lock_nothing_for_long",
    ),
    Break(
        "migrations go through the pooler's address",
        "app/postgresql.py",
        "self.direct_url or self.url",
        "self.url",
        "test_postgresql.py::test_migrations_go_past_the_pooler_and_take_their_time",
    ),
    Break(
        "migrations keep the pooler",
        "app/postgresql.py",
        '                "pooler": Pooler.NONE,\n',
        "",
        "test_postgresql.py::test_migrations_go_past_the_pooler_and_take_their_time",
    ),
    Break(
        "migrations wait for a lock while others queue",
        "app/postgresql.py",
        "self.lock_timeout or 10",
        "self.lock_timeout",
        "test_postgresql.py::test_migrations_go_past_the_pooler_and_take_their_time",
    ),
    Break(
        "a revision does not look at the models",
        "development/commands.py",
        "autogenerate=True",
        "autogenerate=False",
        "test_commands.py::test_a_revision_says_what_a_model_asks_for",
        BOTH,
        drill=True,
    ),
    Break(
        "development forgets its data",
        "development/commands.py",
        'databases.kept(ROOT / ".dev")',
        "databases.throwaway()",
        "test_commands.py::test_development_needs_nothing_and_keeps_its_data",
        BOTH,
        drill=True,
    ),
    Break(
        "a check does not look at the revision",
        "app/checks.py",
        "if not await connection.run_sync(migrate.is_current):",
        "if False:",
        "test_commands.py::test_check_tells_that_the_database_is_behind",
    ),
]

IMPORTS = "test_architecture.py::test_imports_run_one_way"
ARCHITECTURE = [
    Break(
        "a model asks a service",
        "app/models/product.py",
        '    __tablename__ = "products"\n',
        '    __tablename__ = "products"\n\n    def twin(self):\n        from app.services import product\n',
        IMPORTS,
    ),
    Break(
        "a service asks a router",
        "app/services/product.py",
        '    """Remove a product."""\n',
        '    """Remove a product."""\n    from app.routers import product as router\n',
        IMPORTS,
    ),
    Break(
        "a service knows of HTTP",
        "app/services/product.py",
        "from sqlalchemy.ext.asyncio import AsyncSession\n",
        "from sqlalchemy.ext.asyncio import AsyncSession\nfrom fastapi import Request\n",
        IMPORTS,
    ),
    Break(
        "a schema knows the database",
        "app/schemas/product.py",
        "from app.enums.product import ProductStatus\n",
        "from app.enums.product import ProductStatus\nfrom app.models.product import Product\n",
        IMPORTS,
    ),
    Break(
        "production needs what is for development",
        "app/identifiers.py",
        '    """Make a key;',
        '    from development import databases\n    """Make a key;',
        IMPORTS,
    ),
    Break(
        "a route does not say what it returns",
        "app/routers/product.py",
        ") -> StreamingResponse:",
        "):",
        "test_architecture.py::test_every_route_is_async_and_says_what_it_returns",
    ),
    Break(
        "a route runs in a thread",
        "app/health.py",
        "async def live()",
        "def live()",
        "test_architecture.py::test_every_route_is_async_and_says_what_it_returns",
    ),
    Break(
        "a handler does a service's work",
        "app/routers/product.py",
        "    return await products.read(session, product_id)\n",
        "    product = await products.read(session, product_id)\n    return product\n",
        "test_architecture.py::test_every_handler_of_the_api_is_one_statement",
    ),
    Break(
        "a service commits",
        "app/services/product.py",
        "    session.add(product)\n",
        "    session.add(product)\n    await session.commit()\n",
        "test_architecture.py::test_nobody_commits_but_the_session",
    ),
    Break(
        "a service raises what HTTP knows",
        "app/services/product.py",
        "from app.errors import NotFound\n",
        "from starlette.exceptions import HTTPException as NotFound\n",
        "test_architecture.py::test_only_errors_speaks_of_http_exceptions",
    ),
]

SETTINGS = [
    Break(
        "a mistake repeats the value",
        "app/settings.py",
        'else problem["msg"]',
        'else problem["msg"] + os.environ.get(_variable(kind, field), "")',
        "test_settings.py::test_a_mistake_names_the_variable_and_the_mend_but_not_the_value",
    ),
    Break(
        "a mistake carries the value in its cause",
        "app/settings.py",
        "raise ConfigurationError(_told(kind, error)) from None",
        "raise ConfigurationError(_told(kind, error)) from error",
        "test_settings.py::test_a_mistake_names_the_variable_and_the_mend_but_not_the_value",
    ),
    Break(
        "a URL for PostgreSQL is repeated when it is refused",
        "app/postgresql.py",
        'message = "It is not a URL"',
        'message = f"It is not a URL: {value}"',
        "test_postgresql.py::test_another_url_is_refused_without_being_repeated",
    ),
    Break(
        "a URL for SQLite is repeated when it is refused",
        "app/sqlite.py",
        'message = "It is not a URL"',
        'message = f"It is not a URL: {value}"',
        "test_sqlite.py::test_another_url_is_refused_without_being_repeated",
        SQLITE,
    ),
    Break(
        "a placeholder is a secret in production",
        "app/settings.py",
        "raise ConfigurationError(problems)",
        "pass",
        "test_settings.py::test_a_placeholder_is_no_secret_in_production",
        BOTH,
    ),
    Break(
        "a placeholder is a password in production",
        "app/settings.py",
        'return value.password or "" if isinstance(value, URL) else ""',
        'return ""',
        "test_postgresql.py::test_a_placeholder_password_is_refused_in_production",
    ),
    Break(
        "what is not said is development",
        "app/settings.py",
        "        Environment.PRODUCTION, description=",
        "        Environment.DEVELOPMENT, description=",
        "test_settings.py::test_production_is_what_is_not_said_otherwise",
    ),
    Break(
        "a list is not split at its commas",
        "app/settings.py",
        'value.split(",")',
        'value.split(";")',
        "test_settings.py::test_a_list_is_read_with_commas_or_as_json",
    ),
    Break(
        "sslmode is left as it is",
        "app/postgresql.py",
        'ssl = {"ssl": url.query["sslmode"]} if "sslmode" in url.query else {}',
        "ssl = {}",
        "test_postgresql.py::test_a_url_is_taken_as_hosts_hand_it_out",
    ),
]

ERRORS = [
    Break(
        "a refusal repeats what was sent",
        "app/errors.py",
        'message=problem["msg"]',
        "message=f\"{problem['msg']}: {problem['input']}\"",
        "test_errors.py::test_a_body_that_does_not_fit_is_not_repeated",
    ),
    Break(
        "an unknown method does not name the known",
        "app/errors.py",
        "_allowed(request) if allowed else error.headers",
        "None",
        "test_errors.py::test_an_unknown_method_is_a_problem_that_names_the_known",
    ),
    Break(
        "an unknown method names the known of one route",
        "app/errors.py",
        "_allowed(request) if allowed else error.headers",
        "error.headers",
        "test_errors.py::test_an_unknown_method_is_a_problem_that_names_the_known",
    ),
    Break(
        "an internal error tells its words",
        "app/errors.py",
        'error = Error("Something went wrong. The log knows more; name the request_id.")',
        "error = Error(str(error))",
        "test_errors.py::test_what_nobody_foresaw_is_a_problem_that_tells_nothing",
    ),
    Break(
        "an internal error leaves no trace",
        "app/errors.py",
        'log.exception("unforeseen")',
        "pass",
        "test_errors.py::test_what_nobody_foresaw_is_a_problem_that_tells_nothing",
    ),
    Break(
        "what the framework raises is no problem document",
        "app/errors.py",
        "    app.add_exception_handler(HTTPException, tell_http)  # type: ignore[arg-type]\n",
        "",
        "test_errors.py::test_an_unknown_path_is_a_problem",
    ),
    Break(
        "a clash is an internal error",
        "app/database.py",
        "constraint = _constraint(violated(error))",
        "constraint = _constraint(None)",
        "test_database.py::test_a_clash_is_a_conflict_that_names_the_fields",
        BOTH,
    ),
]

LOGGING = [
    Break(
        "a request's id is taken as it comes",
        "app/logging.py",
        "claimed if SOUND.fullmatch(claimed) else",
        "claimed or",
        "test_logging.py::test_an_id_that_could_forge_a_line_is_replaced",
    ),
    Break(
        "a request's id is sound when it begins so",
        "app/logging.py",
        "SOUND.fullmatch",
        "SOUND.match",
        "test_logging.py::test_an_id_that_could_forge_a_line_is_replaced",
    ),
    Break(
        "a sound id is not kept",
        "app/logging.py",
        "claimed if SOUND.fullmatch(claimed) else uuid4().hex",
        "uuid4().hex",
        "test_logging.py::test_a_sound_id_is_kept",
    ),
    Break(
        "a request is logged twice",
        "app/logging.py",
        "            _tell(scope, status, time.perf_counter() - begun)\n",
        "            _tell(scope, status, time.perf_counter() - begun)\n" * 2,
        "test_logging.py::test_a_request_is_logged_once",
    ),
    Break(
        "a request is not logged",
        "app/logging.py",
        "_tell(scope, status, time.perf_counter() - begun)",
        "pass",
        "test_logging.py::test_a_request_is_logged_once",
    ),
    Break(
        "probes fill the log",
        "app/logging.py",
        "log.debug if scope",
        "log.info if scope",
        "test_logging.py::test_probes_leave_no_line",
    ),
    Break(
        "another is called without the request's id",
        "app/http_client.py",
        "request.headers.setdefault(logging.HEADER, request_id)",
        "pass",
        "test_http_client.py::test_others_are_called_with_the_id_of_the_request",
    ),
    Break(
        "the server logs in a form of its own",
        "app/server.py",
        "                log_config=None,  # its lines are the service's lines\n",
        "",
        "test_server.py::test_every_line_of_a_run_is_json",
        drill=True,
    ),
    Break(
        "the server logs a request once more",
        "app/server.py",
        "access_log=False",
        "access_log=True",
        "test_server.py::test_every_line_of_a_run_is_json",
        drill=True,
    ),
]

MIDDLEWARE = [
    Break(
        "a streamed body has no limit",
        "app/middleware.py",
        "            self._check(size)\n",
        "",
        "test_middleware.py::test_a_body_that_is_too_long_is_refused",
    ),
    Break(
        "a host is trusted for how it ends",
        "app/middleware.py",
        "tuple(host[1:].lower()",
        "tuple(host[2:].lower()",
        "test_middleware.py::test_a_host_that_is_not_trusted_is_refused",
    ),
    Break(
        "a host is trusted for how it begins",
        "app/middleware.py",
        "if name not in self.exact and",
        "if not name.startswith(tuple(self.exact)) and",
        "test_middleware.py::test_a_host_that_is_not_trusted_is_refused",
    ),
    Break(
        "probes must know the host's name",
        "app/middleware.py",
        ' and not scope["path"].startswith(health.PROBES)',
        "",
        "test_middleware.py::test_probes_know_only_an_address",
    ),
    Break(
        "a page of any origin may call",
        "app/middleware.py",
        "allow_origins=chosen.cors_origins",
        'allow_origins=["*"]',
        "test_middleware.py::test_a_page_of_another_origin_may_not",
    ),
    Break(
        "nothing is compressed",
        "app/middleware.py",
        "if chosen.gzip_from:",
        "if False:",
        "test_middleware.py::test_long_answers_are_compressed_for_those_who_ask",
    ),
    Break(
        "an error of a route's goes out unguarded",
        "app/middleware.py",
        'if message["type"] == "http.response.start":',
        'if message["type"] == "http.response.start" and message["status"] != 422:',
        "test_middleware.py::test_every_answer_is_guarded",
    ),
    Break(
        "what nobody foresaw goes out unguarded",
        "app/middleware.py",
        'if message["type"] == "http.response.start":',
        'if message["type"] == "http.response.start" and message["status"] != 500:',
        "test_middleware.py::test_what_never_reaches_a_route_is_guarded_too",
    ),
    Break(
        "an answer may be framed",
        "app/middleware.py",
        '    (b"x-frame-options", b"DENY"),\n',
        "",
        "test_middleware.py::test_every_answer_is_guarded",
    ),
    Break(
        "a header of a route's is sent twice",
        "app/middleware.py",
        " if header[0] not in names",
        "",
        "test_middleware.py::test_a_guard_that_a_route_sets_itself_stays",
    ),
    Break(
        "who came over http is kept to https",
        "app/middleware.py",
        '"http": HEADERS,',
        '"http": (*HEADERS, *secure),',
        "test_middleware.py::test_who_came_over_https_is_told_to_stay_there",
    ),
    Break(
        "nobody can be left free to come over http",
        "app/middleware.py",
        " if hsts_seconds else ()",
        "",
        "test_middleware.py::test_who_came_over_https_is_told_to_stay_there",
    ),
]

SERVER = [
    Break(
        "a stranger is believed",
        "app/server.py",
        "list(chosen.forwarded_allow_ips)",
        '["0.0.0.0/0"]',
        "test_server.py::test_a_stranger_is_not_believed",
    ),
    Break(
        "a proxy is not believed",
        "app/server.py",
        "access_log=False,",
        "access_log=False, proxy_headers=False,",
        "test_server.py::test_a_proxy_is_believed",
    ),
    Break(
        "the first address is the client, whoever wrote it",
        "app/server.py",
        "list(chosen.forwarded_allow_ips)",
        '"*"',
        "test_server.py::test_the_last_address_that_is_no_proxy_is_the_client",
    ),
    Break(
        "a private address is believed unasked",
        "app/server.py",
        '("127.0.0.1",)',
        '("127.0.0.1", "10.0.0.0/8")',
        "test_server.py::test_unless_told_otherwise_only_this_machine_is_a_proxy",
    ),
    Break(
        "an address that is none breaks the request",
        "app/logging.py",
        "client=client[0]",
        'client=str(__import__("ipaddress").ip_address(client[0]))',
        "test_server.py::test_what_a_proxy_garbles_breaks_nothing",
    ),
    Break(
        "a proxy without an address is accepted",
        "app/server.py",
        "raise ValueError(message) from None",
        "pass",
        "test_server.py::test_a_proxy_without_an_address_is_refused",
    ),
    Break(
        "the server reads what can be read in two ways",
        "app/server.py",
        "class Server(uvicorn.Server):\n",
        LENIENT,
        "test_server.py::test_a_request_that_can_be_read_in_two_ways_is_refused",
    ),
]

HEALTH = [
    Break(
        "readiness asks anew for each who asks",
        "app/health.py",
        "if time.monotonic() - self.checked > FRESH:",
        "if True:",
        "test_health.py::test_those_who_ask_at_once_share_an_answer",
    ),
    Break(
        "those who ask for readiness at once do not wait for one another",
        "app/health.py",
        "async with self.lock:",
        "if True:",
        "test_health.py::test_those_who_ask_at_once_share_an_answer",
    ),
    Break(
        "readiness waits without end",
        "app/health.py",
        "asyncio.timeout(PATIENCE)",
        "asyncio.timeout(None)",
        "test_health.py::test_a_dependency_that_hangs_is_not_waited_for",
    ),
    Break(
        "a service that stops says that it is ready",
        "app/health.py",
        "if self.draining:",
        "if False:",
        "test_health.py::test_a_service_that_stops_is_not_ready",
    ),
    Break(
        "a dependency that fails does not count",
        "app/health.py",
        "        if self.failed:\n",
        "        if False:\n",
        "test_health.py::test_a_dependency_that_fails_costs_readiness_alone",
    ),
    Break(
        "the server stops without a word",
        "app/server.py",
        "health.readiness(self.app).draining = True",
        "pass",
        "test_server.py::test_a_server_that_is_told_to_stop_loses_no_request",
        drill=True,
    ),
    Break(
        "the server stops at once",
        "app/server.py",
        "round(self.drain_seconds / TICK)",
        "0",
        "test_server.py::test_a_server_that_is_told_to_stop_loses_no_request",
        drill=True,
    ),
]

DESCRIPTION = [
    Break(
        "the documentation comes from elsewhere",
        "app/docs.py",
        '        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",\n',
        "",
        "test_docs.py::test_the_page_needs_nothing_from_elsewhere",
    ),
    Break(
        "the documentation may run any script",
        "app/docs.py",
        "'sha256-{digest}'",
        "'unsafe-inline'",
        "test_docs.py::test_a_page_may_load_only_what_is_served_here",
    ),
    Break(
        "the documentation may not run its own script",
        "app/docs.py",
        'rpartition(b"<script>")[2]',
        'partition(b"<script>")[0]',
        "test_docs.py::test_a_page_may_load_only_what_is_served_here",
    ),
    Break(
        "production shows the documentation",
        "app/settings.py",
        "self.environment is not Environment.PRODUCTION if self.docs is None else self.docs",
        "self.docs is not False",
        "test_docs.py::test_production_shows_the_api_only_when_told_to",
    ),
    Break(
        "an operation is named by its path",
        "app/main.py",
        "        generate_unique_id_function=_name,\n",
        "",
        "test_openapi.py::test_operations_are_named_as_their_functions",
    ),
    Break(
        "a reference leads nowhere",
        "app/openapi.py",
        'schemas |= problem.pop("$defs")',
        'problem.pop("$defs")',
        "test_openapi.py::test_every_reference_leads_somewhere",
    ),
    Break(
        "what does not fit is not described as a problem",
        "app/openapi.py",
        'operation["responses"] |= invalid',
        "pass",
        "test_openapi.py::test_every_error_is_described_as_a_problem",
    ),
    Break(
        "a body that cannot be read gives what is not described",
        "app/openapi.py",
        "_described(BadRequest, ContentTooLarge)",
        "_described(ContentTooLarge)",
        "test_errors.py::test_a_body_that_is_no_json_is_a_problem",
    ),
    Break(
        "what is not found gives what is not described",
        "app/routers/product.py",
        '"/{product_id}", response_model=ProductRead, responses=described(NotFound))',
        '"/{product_id}", response_model=ProductRead)',
        "test_openapi.py::test_no_request_breaks_the_service",
        drill=True,
    ),
]

RESOURCES = [
    Break(
        "an export loads formulas",
        "app/export.py",
        "kept.startswith(FORMULA)",
        "False",
        "test_exports.py::test_an_export_runs_no_formula",
    ),
    Break(
        "an export leaves its last rows out",
        "app/export.py",
        "    async for batch in rest:\n        yield _written(_cells(schema, row) for row in batch)\n",
        "",
        "test_exports.py::test_an_export_has_every_row_that_is_wanted",
        BOTH,
    ),
    Break(
        "an export begins before anything was found",
        "app/export.py",
        "    first = await anext(batches)\n",
        "    first: Sequence[Any] = []\n",
        "test_exports.py::test_an_export_that_fails_at_first_is_told",
    ),
    Break(
        "an export skips a batch",
        "app/services/product.py",
        "while len(batch) == BATCH:",
        "if len(batch) == BATCH:",
        "test_product.py::test_an_export_has_every_row",
        BOTH,
    ),
    Break(
        "an export repeats a row",
        "app/services/product.py",
        "Product.id > batch[-1].id",
        "Product.id >= batch[-1].id",
        "test_product.py::test_an_export_has_every_row",
    ),
    Break(
        "a search takes its words for patterns",
        "app/lists.py",
        ", autoescape=True",
        "",
        "test_lists.py::test_a_list_is_what_was_asked_for",
        BOTH,
    ),
    Break(
        "a list is sorted with what is empty where the database wants it",
        "app/lists.py",
        "order.nulls_last()",
        "order",
        "test_lists.py::test_a_list_is_what_was_asked_for",
        BOTH,
    ),
    Break(
        "what is empty filters a list",
        "app/lists.py",
        ' if value not in (None, "", [])',
        "",
        "test_lists.py::test_a_list_is_what_was_asked_for",
    ),
    Break(
        "a reference may lead nowhere",
        "app/database.py",
        "    if fields:\n        raise _dangling(fields)\n",
        "",
        "test_database.py::test_a_reference_to_nothing_is_refused",
        BOTH,
    ),
    Break(
        "what others refer to cannot be told from an error",
        "app/database.py",
        "        raise errors.Conflict(message) from error\n",
        "        raise\n",
        "test_database.py::test_what_others_refer_to_stays",
        BOTH,
    ),
    Break(
        "an export writes JSON as Python does",
        "app/export.py",
        "if isinstance(shown, dict | list):",
        "if False:",
        "test_exports.py::test_an_export_writes_json_as_json",
    ),
    Break(
        "half a character is kept",
        "app/schemas/base.py",
        "ensure_ascii=False).encode()",
        "ensure_ascii=False)",
        "test_schemas.py::test_what_cannot_be_kept_is_refused",
    ),
    Break(
        "a time of day has a zone",
        "app/schemas/base.py",
        "if value.tzinfo is not None:",
        "if False:",
        "test_schemas.py::test_what_cannot_be_kept_is_refused",
    ),
    Break(
        "a point in time is kept in the zone that it has",
        "app/schemas/base.py",
        "return moment.astimezone(UTC)",
        "return moment",
        "test_schemas.py::test_what_cannot_be_kept_is_refused",
    ),
    Break(
        "a page does not lead on",
        "app/links.py",
        '"next": found.page + 1, ',
        "",
        "test_links.py::test_a_list_has_pages_that_lead_on",
    ),
    Break(
        "a change resets what is left out",
        "app/schemas/product.py",
        "    released_on: date | MISSING | None = MISSING\n",
        "    released_on: date | None = None\n",
        "test_product.py::test_a_change_leaves_the_rest",
    ),
    Break(
        "what nobody asked for is taken",
        "app/schemas/base.py",
        'extra="forbid"',
        'extra="ignore"',
        "test_schemas.py::test_what_does_not_fit_is_refused",
    ),
    Break(
        "a new thing is said to be in another place",
        "app/links.py",
        "{self.request.url.path}/{row.id}",
        "{self.request.url.path}",
        "test_links.py::test_what_is_made_is_shown_where_it_is_said_to_be",
    ),
    Break(
        "an empty list has no page",
        "app/pagination.py",
        "max(1, -(-self.total // self.size))",
        "-(-self.total // self.size)",
        "test_pagination.py::test_an_empty_list_has_one_page",
    ),
    Break(
        "a page is as long as one asks",
        "app/pagination.py",
        "Field(20, ge=1, le=100)",
        "Field(20, ge=1)",
        "test_pagination.py::test_an_unknown_question_is_refused",
    ),
    Break(
        "later keys may be less",
        "app/identifiers.py",
        "rest * 4096 // 1_000_000",
        "int.from_bytes(os.urandom(2)) >> 4",
        "test_identifiers.py::test_later_keys_are_greater",
    ),
]

DATABASES = [
    Break(
        "a statement may take for ever",
        "app/postgresql.py",
        '            "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",\n',
        "",
        "test_postgresql.py::test_a_statement_that_takes_too_long_ends",
    ),
    Break(
        "a statement may take for ever behind a pooler",
        "app/postgresql.py",
        "settings.statement_timeout or None",
        "None",
        "test_postgresql.py::test_a_statement_that_takes_too_long_ends",
    ),
    Break(
        "a pooler meets statements that are prepared",
        "app/postgresql.py",
        '            "statement_cache_size": 0,\n            "prepared_statement_cache_size": 0,\n',
        "",
        "test_postgresql.py::test_a_pooled_engine_prepares_nothing_that_outlives_a_transaction",
    ),
    Break(
        "decimals are floats",
        "app/sqlite.py",
        'Decimal(f"{value:.{self.scale or 0}f}")',
        "value",
        "test_sqlite.py::test_decimals_are_kept_exactly",
        SQLITE,
    ),
    Break(
        "times are read without a zone",
        "app/sqlite.py",
        ".replace(tzinfo=UTC)",
        "",
        "test_sqlite.py::test_times_are_kept_in_utc",
        SQLITE,
    ),
    Break(
        "times are written in the zone that they have",
        "app/sqlite.py",
        "moment.astimezone(UTC)",
        "moment",
        "test_sqlite.py::test_times_are_kept_in_utc",
        SQLITE,
    ),
    Break(
        "a transaction begins when it writes",
        "app/sqlite.py",
        '"BEGIN IMMEDIATE"',
        '"BEGIN"',
        "test_sqlite.py::test_writers_wait_for_each_other",
        SQLITE,
    ),
    Break(
        "who only reads waits for who writes",
        "app/sqlite.py",
        '!= "AUTOCOMMIT"',
        '!= ""',
        "test_sqlite.py::test_a_file_that_stays_locked_can_be_read_but_not_written",
        SQLITE,
    ),
    Break(
        "foreign keys are not enforced",
        "app/sqlite.py",
        "PRAGMA foreign_keys = ON",
        "PRAGMA foreign_keys = OFF",
        "test_sqlite.py::test_foreign_keys_are_enforced",
        SQLITE,
    ),
]

WITH_LIMITS = {"features": ["ratelimit"]}
LIMITS = [
    replace(broken, answers=WITH_LIMITS)
    for broken in (
        Break(
            "what is left is not told",
            "app/ratelimit.py",
            "    app.add_middleware(Told)\n",
            "",
            "test_ratelimit.py::test_what_is_left_is_told",
        ),
        Break(
            "an answer tells of requests before it",
            "app/ratelimit.py",
            '        scope.setdefault("state", {})["rates"] = noted\n',
            '        noted = scope.setdefault("state", {}).setdefault("rates", noted)\n',
            "test_ratelimit.py::test_an_answer_tells_of_its_own_request_only",
        ),
        Break(
            "what is left is kept from pages of other origins",
            "app/middleware.py",
            '                "RateLimit",\n',
            "",
            "test_ratelimit.py::test_a_page_of_another_origin_may_read_what_is_left",
        ),
        Break(
            "too much is let pass",
            "app/ratelimit.py",
            "if not counted.allowed:",
            "if False:",
            "test_ratelimit.py::test_too_much_is_refused_as_a_problem",
        ),
        Break(
            "who is refused is not told for how long",
            "app/ratelimit.py",
            '        self.headers = {"Retry-After": str(seconds)}\n',
            "",
            "test_ratelimit.py::test_too_much_is_refused_as_a_problem",
        ),
        Break(
            "all addresses are one",
            "app/ratelimit.py",
            'host = connection.client.host if connection.client else ""',
            'host = ""',
            "test_ratelimit.py::test_each_address_has_a_count_of_its_own",
        ),
        Break(
            "a household has more addresses than anybody can count",
            "app/ratelimit.py",
            "int(found) >> 64 << 64",
            "int(found)",
            "test_ratelimit.py::test_addresses_of_one_household_are_one",
        ),
        Break(
            "a caller who is known is an address",
            "app/ratelimit.py",
            'return f"caller {known}" if known else address(connection)',
            "return address(connection)",
            "test_ratelimit.py::test_each_caller_who_is_known_has_a_count_of_its_own",
        ),
        Break(
            "signing in counts callers",
            "app/ratelimit.py",
            "address(connection) if name in SIGN_IN else caller(connection)",
            "caller(connection)",
            "test_ratelimit.py::test_signing_in_counts_addresses_whoever_calls",
        ),
        Break(
            "a rate for one route frees those of signing in",
            "app/ratelimit.py",
            "given = SIGN_IN | {",
            "given = {",
            "test_ratelimit.py::test_signing_in_is_limited_unless_another_rate_is_set",
        ),
        Break(
            "a route's own rate counts for nothing",
            "app/ratelimit.py",
            'await count(connection, connection.scope["route"].name, limit, caller(connection))',
            "pass",
            "test_ratelimit.py::test_a_route_has_a_rate_of_its_own",
        ),
        Break(
            "a client chooses its address",
            "app/ratelimit.py",
            'host = connection.client.host if connection.client else ""',
            'host = connection.headers.get("X-Forwarded-For") or connection.client.host',
            "test_ratelimit.py::test_only_a_trusted_proxy_names_the_address",
        ),
        Break(
            "who reads the documentation is counted",
            "app/ratelimit.py",
            'FREE = (health.PROBES, "/docs")',
            "FREE = (health.PROBES,)",
            "test_ratelimit.py::test_probes_and_documentation_are_not_limited",
        ),
        Break(
            "limits cannot be off",
            "app/ratelimit.py",
            "if not self.enabled or now < self.asked_from:",
            "if now < self.asked_from:",
            "test_ratelimit.py::test_limits_can_be_off",
        ),
        Break(
            "the description keeps quiet about limits",
            "app/ratelimit.py",
            "    app.router.responses |= errors.described(TooManyRequests)\n",
            "",
            "test_ratelimit.py::test_the_description_says_that_there_are_limits",
        ),
        Break(
            "a rate that cannot be read is repeated",
            "app/ratelimit.py",
            'message = "It is not a rate"',
            'message = f"It is not a rate: {value}"',
            "test_ratelimit.py::test_a_bad_setting_is_told_by_name_and_mend",
        ),
        Break(
            "a URL for Valkey is repeated when it is refused",
            "app/valkey.py",
            'message = "It is not a URL of Valkey or Redis"',
            'message = f"It is not a URL of Valkey or Redis: {value}"',
            "test_ratelimit.py::test_a_bad_setting_is_told_by_name_and_mend",
        ),
        Break(
            "each process counts for itself",
            "app/ratelimit.py",
            "    if url is None:\n",
            "    if url:\n",
            "test_ratelimit.py::test_processes_share_what_valkey_counts",
        ),
        Break(
            "an outage of Valkey is the service's",
            "app/ratelimit.py",
            "except (RedisError, OSError) as error:",
            "except ZeroDivisionError as error:",
            "test_ratelimit.py::test_an_outage_holds_nobody_up_and_ends_by_itself",
        ),
        Break(
            "an outage is told with every request",
            "app/ratelimit.py",
            "        if not self.lost:\n",
            "        if True:\n",
            "test_ratelimit.py::test_an_outage_holds_nobody_up_and_ends_by_itself",
        ),
        Break(
            "an outage does not end",
            "app/ratelimit.py",
            "self.lost, self.asked_from = False, 0.0",
            "pass",
            "test_ratelimit.py::test_an_outage_holds_nobody_up_and_ends_by_itself",
        ),
        Break(
            "a Valkey that says nothing is asked by every request",
            "app/ratelimit.py",
            "        self.asked_from = time.monotonic() + PAUSE\n",
            "",
            "test_ratelimit.py::test_a_valkey_that_says_nothing_is_asked_once",
        ),
        Break(
            "a Valkey that says nothing is waited for",
            "app/ratelimit.py",
            "asyncio.timeout(PATIENCE)",
            "asyncio.timeout(None)",
            "test_ratelimit.py::test_a_valkey_that_says_nothing_is_asked_once",
        ),
    )
]

AUTH = [
    replace(broken, answers={"auth": "local"})
    for broken in (
        Break(
            "a token for one purpose is good for another",
            "app/signing.py",
            'if claims.get("type") != purpose:',
            "if not claims:",
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "a signature is not looked at",
            "app/signing.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_signature": False}',
            "test_signing.py::test_a_token_without_a_signature_is_refused",
        ),
        Break(
            "the token says how it is signed",
            "app/signing.py",
            "algorithms=[self.chosen.algorithm]",
            'algorithms=[self.chosen.algorithm, "HS256"]',
            "test_signing.py::test_a_public_key_makes_no_signature",
        ),
        Break(
            "a token may leave out a claim",
            "app/signing.py",
            '"require": list(CLAIMS)',
            '"require": []',
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "a token for another service is taken",
            "app/signing.py",
            "audience=self.chosen.audience,",
            'audience=[self.chosen.audience, "another"],',
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "a token of another issuer is taken",
            "app/signing.py",
            "issuer=self.chosen.issuer,",
            'issuer=[self.chosen.issuer, "another"],',
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "a token is good for ever",
            "app/signing.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_exp": False}',
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "a token of any length is looked at",
            "app/signing.py",
            "if len(token) > LONGEST:",
            "if len(token) > LONGEST * 9:",
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "an unknown key is the newest",
            "app/signing.py",
            "self.keys[name].public",
            "self.keys.get(name, self.newest).public",
            "test_signing.py::test_any_other_token_is_refused",
        ),
        Break(
            "an older key is forgotten at once",
            "app/signing.py",
            "self.keys = {key.name: key for key in keys}",
            "self.keys = {key.name: key for key in keys[:1]}",
            "test_signing.py::test_an_older_key_is_good_until_it_is_taken_out",
        ),
        Break(
            "a short secret boots",
            "app/signing.py",
            "len(secret.encode()) < SHORTEST or any(",
            "any(",
            "test_signing.py::test_a_secret_that_can_be_guessed_does_not_boot",
        ),
        Break(
            "a placeholder boots",
            "app/signing.py",
            "any(word * 2 in words for word in PLACEHOLDERS)",
            "False",
            "test_signing.py::test_a_secret_that_can_be_guessed_does_not_boot",
        ),
        Break(
            "production runs on the key of development",
            "app/signing.py",
            'if not keys and info.data.get("environment") is Environment.PRODUCTION:',
            "if False:",
            "test_signing.py::test_production_needs_keys_of_its_own",
        ),
        Break(
            "a key shows its secret",
            "app/signing.py",
            "private: Any = field(repr=False)",
            "private: Any",
            "test_signing.py::test_keys_are_not_shown",
        ),
        Break(
            "a secret is published",
            "app/signing.py",
            "            return []\n",
            '            return [{"kty": "oct", "k": self.newest.private}]\n',
            "test_signing.py::test_a_secret_is_not_published",
        ),
        Break(
            "nobody is quicker to refuse",
            "app/hashing.py",
            "t={hasher.time_cost}",
            "t=1",
            "test_hashing.py::test_nobody_costs_as_much_as_somebody",
        ),
        Break(
            "an outdated hash stays",
            "app/hashing.py",
            "return right and kept is not None, renewed",
            "return right and kept is not None, None",
            "test_hashing.py::test_an_outdated_hash_is_renewed",
        ),
        Break(
            "who is not there costs no hash",
            "app/services/login.py",
            "    right, renewed = await hashing",
            "    right, renewed = (False, None) if kept is None else await hashing",
            "test_login.py::test_a_login_costs_a_hash_whoever_it_is",
        ),
        Break(
            "a login tells who is there",
            "app/services/login.py",
            '        message = "The address or the password is wrong."\n',
            '        message = "The password is wrong." if user else "There is no such user."\n',
            "test_login.py::test_a_login_is_refused_in_the_same_words",
        ),
        Break(
            "who is disabled signs in",
            "app/services/login.py",
            " or user.disabled_at is not None:",
            ":",
            "test_login.py::test_a_login_is_refused_in_the_same_words",
        ),
        Break(
            "any password will do",
            "app/services/login.py",
            "if user is None or not right or",
            "if user is None or",
            "test_login.py::test_a_login_is_refused_in_the_same_words",
        ),
        Break(
            "a theft leaves the family alone",
            "app/services/login.py",
            "        await session.execute(delete(RefreshToken).where(RefreshToken.family == token.family))\n",
            "",
            "test_login.py::test_a_replayed_refresh_token_voids_its_family",
        ),
        Break(
            "what a theft leads to is rolled back",
            "app/refreshing.py",
            "            replayed = error\n",
            "            raise error from None\n",
            "test_login.py::test_a_theft_is_remembered_though_the_request_fails",
        ),
        Break(
            "a refresh token is good for ever",
            "app/services/login.py",
            "        RefreshToken.used_at.is_(None),\n",
            "",
            "test_login.py::test_a_refresh_token_is_good_once",
        ),
        Break(
            "of those who refresh at once all win",
            "app/services/login.py",
            "        RefreshToken.used_at.is_(None),\n",
            "",
            "test_login.py::test_of_those_who_refresh_at_once_one_wins",
        ),
        Break(
            "an expired refresh token is taken",
            "app/services/login.py",
            "        RefreshToken.expires_at > now(),\n",
            "",
            "test_login.py::test_an_expired_refresh_token_is_refused",
        ),
        Break(
            "refresh tokens are kept as they are",
            "app/services/login.py",
            "            digest=digest(secret),\n",
            "            digest=secret,\n",
            "test_login.py::test_refresh_tokens_are_kept_as_digests",
        ),
        Break(
            "a logout voids nothing",
            "app/services/login.py",
            '    summed = digest(secret.get_secret_value()) if secret else ""\n',
            '    summed = ""\n',
            "test_login.py::test_a_logout_voids_the_refresh_token",
        ),
        Break(
            "refresh tokens outlive a logout everywhere",
            "app/services/login.py",
            " or user.has_voided(used.created_at):",
            ":",
            "test_login.py::test_a_logout_everywhere_voids_every_token",
        ),
        Break(
            "scripts read the cookie",
            "app/refreshing.py",
            "httponly=True",
            "httponly=False",
            "test_login.py::test_a_cookie_is_for_no_script_and_no_other_site",
        ),
        Break(
            "the cookie travels unencrypted",
            "app/refreshing.py",
            "secure=True",
            "secure=False",
            "test_login.py::test_a_cookie_is_for_no_script_and_no_other_site",
        ),
        Break(
            "other sites send the cookie",
            "app/refreshing.py",
            'samesite="strict"',
            'samesite="none"',
            "test_login.py::test_a_cookie_is_for_no_script_and_no_other_site",
        ),
        Break(
            "any page may use the cookie",
            "app/refreshing.py",
            "if not self._is_own():",
            "if False:",
            "test_login.py::test_a_cookie_is_taken_from_own_pages_only",
        ),
        Break(
            "a link works twice",
            "app/services/login.py",
            ' or _state(user, present) != claims["state"]:',
            ":",
            "test_login.py::test_a_link_sets_a_new_password_once_and_signs_out",
        ),
        Break(
            "a registration tells who is there",
            "app/services/login.py",
            "    user, present = await _known(readers, new.email)\n",
            "    user, present = await _known(readers, new.email)\n    if user:\n        raise Forbidden(VOID)\n",
            "test_login.py::test_a_registration_tells_nobody_who_is_there",
        ),
        Break(
            "a forgotten password tells who is there",
            "app/services/login.py",
            '    subject = "A new password"\n',
            '    subject = "A new password"\n    if user is None:\n        raise Unauthenticated(VOID)\n',
            "test_login.py::test_a_forgotten_password_tells_nobody_who_is_there",
        ),
        Break(
            "a password is changed without the old one",
            "app/services/login.py",
            '    if not right:\n        message = "The current',
            '    if False:\n        message = "The current',
            "test_login.py::test_a_password_is_changed_by_who_knows_it",
        ),
        Break(
            "a link stands in the log of production",
            "app/outgoing.py",
            "if environment is Environment.DEVELOPMENT:",
            "if environment:",
            "test_login.py::test_the_log_of_development_shows_a_link",
        ),
        Break(
            "a password shows its hash",
            "app/models/password.py",
            'return f"Password({self.user_id})"',
            'return f"Password({self.hash})"',
            "test_login.py::test_no_secret_is_logged_or_told",
        ),
        Break(
            "who is gone is still let in",
            "app/services/user.py",
            ".where(User.id == user_id, User.is_active)",
            ".where(User.id == user_id)",
            "test_access.py::test_a_token_of_somebody_who_is_gone_is_void",
        ),
        Break(
            "a permission is not asked for",
            "app/auth.py",
            "if not caller.may(self.name):",
            "if False:",
            "test_access.py::test_a_permission_is_asked_for",
        ),
        Break(
            "any role may do everything",
            "app/models/user.py",
            " and not {permission, EVERYTHING}.isdisjoint(\n            self.role.permissions\n        )",
            "",
            "test_access.py::test_a_permission_is_asked_for",
        ),
        Break(
            "a route is open to everybody",
            "app/routers/product.py",
            ", dependencies=[SIGNED_IN])",
            ")",
            "test_access.py::test_every_route_declares_who_may_call_it",
        ),
        Break(
            "nobody is somebody",
            "app/auth.py",
            '    if caller is None:\n        message = "Sign in first."',
            '    if caller is not None:\n        message = "Sign in first."',
            "test_access.py::test_nobody_reads_without_signing_in",
        ),
        Break(
            "access tokens outlive a logout everywhere",
            "app/local.py",
            ' or user.has_voided(datetime.fromtimestamp(claims["iat"], UTC)):',
            ":",
            "test_access.py::test_who_signs_out_everywhere_voids_what_was_given_before",
        ),
        Break(
            "who is enabled again has the old tokens",
            "app/services/user.py",
            "    user.voided_at = now()\n    await flush",
            "    await flush",
            "test_user.py::test_who_is_disabled_is_out_until_they_are_enabled",
        ),
        Break(
            "a clock that goes ahead voids what it gives",
            "app/models/user.py",
            "return max(now(), self.voided_at or now())",
            "return now()",
            "test_login.py::test_no_login_is_void_by_another_machines_clock",
        ),
        Break(
            "an administrator locks themself out",
            "app/services/user.py",
            "if user_id == caller.id:",
            "if False:",
            "test_user.py::test_nobody_locks_themself_out",
        ),
        Break(
            "who is deleted is only disabled",
            "app/services/user.py",
            "    user.deleted_at = user.voided_at = now()\n",
            "    user.disabled_at = user.voided_at = now()\n",
            "test_user.py::test_who_is_deleted_is_gone_but_the_row_stays",
        ),
        Break(
            "an administrator may do nothing",
            "app/administration.py",
            "permissions=[EVERYTHING]",
            "permissions=[]",
            "test_administration.py::test_an_administrator_is_made_once",
        ),
        Break(
            "a key may do what its user may not",
            "app/auth.py",
            "return self.user.may(permission) and not",
            "return not",
            "test_api_key.py::test_a_key_may_do_what_both_it_and_its_user_may",
        ),
        Break(
            "a key may do all that its user may",
            "app/auth.py",
            "return self.user.may(permission) and not self.scopes.isdisjoint({permission, EVERYTHING})",
            "return self.user.may(permission)",
            "test_api_key.py::test_a_key_may_do_what_both_it_and_its_user_may",
        ),
        Break(
            "a key makes another",
            "app/auth.py",
            "if not caller.is_present:",
            "if False:",
            "test_api_key.py::test_a_key_makes_no_other",
        ),
        Break(
            "keys are kept as they are",
            "app/services/api_key.py",
            "digest=digest(key), **",
            "digest=key, **",
            "test_api_key.py::test_a_key_is_shown_once",
        ),
        Break(
            "the beginning of a key is enough",
            "app/services/api_key.py",
            "if key is None or not compare_digest(key.digest, digest(given)):",
            "if key is None:",
            "test_api_key.py::test_what_is_no_key_is_refused",
        ),
        Break(
            "anybody revokes a key",
            "app/services/api_key.py",
            "if key is None or key.user_id != user.id:",
            "if key is None:",
            "test_api_key.py::test_a_revoked_key_is_void",
        ),
        Break(
            "a key is good for ever",
            "app/services/api_key.py",
            "        .where(or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now()))\n",
            "",
            "test_api_key.py::test_an_expired_key_is_void",
        ),
        Break(
            "a key outlives its user",
            "app/services/api_key.py",
            ", User.is_active)",
            ")",
            "test_api_key.py::test_a_key_of_somebody_who_is_gone_is_void",
        ),
        Break(
            "nobody knows who calls until a route asks",
            "app/auth.py",
            "        connection.state.caller = found.name\n",
            "        pass\n",
            "test_access.py::test_whoever_calls_is_known_before_any_route_asks",
        ),
        Break(
            "the use of a key is not noted",
            "app/auth.py",
            "    await api_keys.note(connection.app.state.sessions, key)\n",
            "",
            "test_api_key.py::test_the_last_use_of_a_key_is_known",
        ),
    )
]

OIDC = [
    replace(broken, answers={"auth": "oidc"})
    for broken in (
        Break(
            "a token for another service is taken of a provider",
            "app/oidc.py",
            "audience=chosen.audience,",
            'audience=[chosen.audience, "another"],',
            "test_oidc.py::test_any_other_token_is_refused",
        ),
        Break(
            "a token of another provider is taken",
            "app/oidc.py",
            "issuer=chosen.issuer,",
            'issuer=[chosen.issuer, "https://another.example.com"],',
            "test_oidc.py::test_any_other_token_is_refused",
        ),
        Break(
            "a provider's token may leave out a claim",
            "app/oidc.py",
            '"require": list(CLAIMS)',
            '"require": []',
            "test_oidc.py::test_any_other_token_is_refused",
        ),
        Break(
            "a provider's token is good for ever",
            "app/oidc.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_exp": False}',
            "test_oidc.py::test_any_other_token_is_refused",
        ),
        Break(
            "a provider's token of any length is looked at",
            "app/oidc.py",
            "if len(token) <= LONGEST else {}",
            "",
            "test_oidc.py::test_any_other_token_is_refused",
        ),
        Break(
            "a subject of any length is looked up",
            "app/oidc.py",
            ' or len(claims["sub"]) > LONGEST_SUBJECT:',
            ":",
            "test_oidc.py::test_any_other_token_is_refused",
        ),
        Break(
            "a provider's signature is not looked at",
            "app/oidc.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_signature": False}',
            "test_oidc.py::test_a_token_that_another_key_signed_is_refused",
        ),
        Break(
            "a provider's token says how it is signed",
            "app/oidc.py",
            '        if header.get("alg") not in chosen.algorithms:',
            '        chosen = chosen.model_copy(update={"algorithms": [header["alg"]]})\n        if False:',
            "test_oidc.py::test_a_public_key_makes_no_signature",
        ),
        Break(
            "an address that is not verified is believed",
            "app/oidc.py",
            'claims.get("email_verified") is True and',
            'claims.get("email_verified") and',
            "test_oidc.py::test_an_address_that_is_not_verified_makes_nobody",
        ),
        Break(
            "any address is as good as the one that is verified",
            "app/oidc.py",
            ' and address == claims.get("email")',
            "",
            "test_oidc.py::test_the_address_stands_in_the_claim_that_is_chosen",
        ),
        Break(
            "what is said of somebody else is believed",
            "app/oidc.py",
            '        if told.get("sub") != claims["sub"]:',
            "        if not told:",
            "test_oidc.py::test_what_is_said_of_somebody_else_is_not_believed",
        ),
        Break(
            "the provider is not asked for an address",
            "app/oidc.py",
            "        claims = {**told, **claims}\n",
            "        claims = {**claims}\n",
            "test_oidc.py::test_the_provider_is_asked_for_an_address_that_the_token_lacks",
        ),
        Break(
            "whoever comes gets an account",
            "app/services/identity.py",
            "if user is None and not makes:",
            "if False:",
            "test_oidc.py::test_accounts_can_be_for_those_who_are_here",
        ),
        Break(
            "an address that is given again gives an account away",
            "app/models/identity.py",
            '    __table_args__ = (UniqueConstraint("user_id", "issuer"),)\n',
            "",
            "test_migrations.py::test_the_revisions_lead_to_the_models",
        ),
        Break(
            "who comes again is somebody else",
            "app/services/identity.py",
            "        pass  # another request was faster, or the user is another subject of the provider\n",
            "        raise\n",
            "test_oidc.py::test_those_who_come_at_once_get_one_account",
        ),
        Break(
            "who is disabled is let in by their provider",
            "app/oidc.py",
            "if not user.is_active or user.has_voided(issued):",
            "if user.has_voided(issued):",
            "test_access.py::test_a_token_of_somebody_who_is_gone_is_void",
        ),
        Break(
            "a provider's tokens outlive a logout everywhere",
            "app/oidc.py",
            "if not user.is_active or user.has_voided(issued):",
            "if not user.is_active:",
            "test_access.py::test_who_signs_out_everywhere_voids_what_was_given_before",
        ),
        Break(
            "a role outlives what the token says",
            "app/services/identity.py",
            "        if role_id == user.role_id:\n",
            "        if role_id == user.role_id or not name:\n",
            "test_oidc.py::test_a_role_follows_the_token",
        ),
        Break(
            "a role within a claim is not found",
            "app/oidc.py",
            'name.partition(".")',
            'name.partition("/")',
            "test_oidc.py::test_a_role_follows_the_token",
        ),
        Break(
            "a role that is not there is not told",
            "app/services/identity.py",
            "        if name and role_id is None:\n",
            "        if False:\n",
            "test_oidc.py::test_a_role_that_is_not_there_is_told_in_the_log",
        ),
        Break(
            "production believes a provider on the way to which others are",
            "app/oidc.py",
            "(is_production and not is_safe)",
            "False",
            "test_oidc.py::test_production_refuses_what_is_not_safe",
        ),
        Break(
            "the documentation page shows a secret's flow",
            "app/oidc.py",
            '        "usePkceWithAuthorizationCodeGrant": True,\n',
            "",
            "test_oidc.py::test_the_documentation_page_signs_in_with_pkce",
        ),
        Break(
            "the documentation page cannot reach the provider",
            "app/docs.py",
            "return sorted({f",
            "return [] and sorted({f",
            "test_oidc.py::test_the_documentation_page_may_ask_the_provider",
        ),
        Break(
            "each who waits asks the provider",
            "app/provider.py",
            "            if wanted and time.monotonic() - self.asked > PAUSE:\n",
            "            if wanted or self.told > 0:\n",
            "test_provider.py::test_all_who_wait_have_it_asked_once",
        ),
        Break(
            "unknown keys trouble the provider",
            "app/provider.py",
            "            if wanted and time.monotonic() - self.asked > PAUSE:\n",
            "            if wanted:\n",
            "test_provider.py::test_unknown_keys_do_not_trouble_it",
        ),
        Break(
            "a new key is not asked for",
            "app/provider.py",
            "wanted = name not in self.keys or self.age > FRESH",
            "wanted = self.age > FRESH",
            "test_provider.py::test_a_new_key_is_asked_for",
        ),
        Break(
            "an old key is good for ever",
            "app/provider.py",
            "wanted = name not in self.keys or self.age > FRESH",
            "wanted = name not in self.keys",
            "test_provider.py::test_old_keys_are_asked_for_again",
        ),
        Break(
            "keys are forgotten when the provider is down",
            "app/provider.py",
            '            log.warning("the identity provider does not answer", error=type(error).__name__)\n',
            "            self.keys = {}\n",
            "test_provider.py::test_keys_outlive_it_for_a_while",
        ),
        Break(
            "keys are believed for ever",
            "app/provider.py",
            "        if self.age > STALE:\n",
            "        if not self.keys:\n",
            "test_provider.py::test_keys_outlive_it_for_a_while",
        ),
        Break(
            "all wait for one that asks again",
            "app/provider.py",
            "(self.lock.locked() and self.age <= STALE)",
            "False",
            "test_provider.py::test_while_one_asks_again_the_others_go_on",
        ),
        Break(
            "a provider that calls itself otherwise is believed",
            "app/provider.py",
            '            if described["issuer"] != self.issuer:',
            "            if False:",
            "test_provider.py::test_one_that_calls_itself_otherwise_is_not_believed",
        ),
        Break(
            "a provider that is down is whose fault it is not",
            "app/provider.py",
            "            raise Unavailable(message)\n        return self.keys[name]",
            "            raise KeyError(message)\n        return self.keys[name]",
            "test_oidc.py::test_a_provider_that_is_down_is_no_fault_of_whoever_calls",
        ),
    )
]

# Of the example in which issues and comments are somebody's own.
OWNERS = [
    replace(broken, answers={"auth": "local", "resources": EXAMPLES["tracker"]["resources"]})
    for broken in (
        Break(
            "a stranger's row is shown",
            "app/services/issue.py",
            "ONE.where(*owned(Issue.owner_id, owner))",
            "ONE",
            "test_issue.py::test_what_is_somebody_elses_is_not_found",
            BOTH,
        ),
        Break(
            "a stranger's row is changed",
            "app/services/issue.py",
            " or owner not in {None, issue.owner_id}",
            "",
            "test_issue.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "a stranger's row is removed",
            "app/services/comment.py",
            " or owner not in {None, comment.owner_id}",
            "",
            "test_comment.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "a stranger's row is listed",
            "app/services/issue.py",
            "[*owned(Issue.owner_id, owner), *conditions(query, FILTERS)]",
            "conditions(query, FILTERS)",
            "test_issue.py::test_a_list_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "a stranger's row is counted",
            "app/services/issue.py",
            "page.where(*tests), count.where(*tests)",
            "page.where(*tests), count",
            "test_issue.py::test_a_list_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "a stranger's row is exported",
            "app/services/issue.py",
            "*owned(Issue.owner_id, owner), *conditions(wanted",
            "*conditions(wanted",
            "test_issue.py::test_an_export_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "what is somebody else's is told apart from what is not there",
            "app/services/comment.py",
            "    if comment is None or owner not in {None, comment.owner_id}:\n",
            "    if comment and owner not in {None, comment.owner_id}:\n"
            '        raise NotFound("It is somebody else\'s.")\n'
            "    if comment is None:\n",
            "test_comment.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "a new row is nobody's",
            "app/routers/issue.py",
            "user.id, new",
            "UUID(int=0), new",
            "test_issue.py::test_a_new_issue_is_its_makers",
        ),
        Break(
            "the owner of a new row is taken from its body",
            "app/schemas/issue.py",
            '    """An issue to add."""\n',
            '    """An issue to add."""\n\n    owner_id: UUID | MISSING = MISSING\n',
            "test_issue.py::test_a_new_issue_is_its_makers",
        ),
        Break(
            "a row is given away",
            "app/schemas/issue.py",
            '    """What changes in an issue; what is left out stays."""\n',
            '    """What changes in an issue; what is left out stays."""\n\n    owner_id: UUID | MISSING = MISSING\n',
            "test_issue.py::test_issues_are_given_to_nobody_else",
        ),
        Break(
            "a new row refers to a stranger's",
            "app/owning.py",
            "values | dict.fromkeys(beyond, NOBODY)",
            "values",
            "test_comment.py::test_a_reference_to_somebody_elses_is_one_to_nothing",
            BOTH,
        ),
        Break(
            "a reference is moved to a stranger's row",
            "app/services/issue.py",
            "    values = changes.model_dump()\n    await refer(session, Issue, values, reach)\n",
            "    values = changes.model_dump()\n    await refer(session, Issue, values, {})\n",
            "test_issue.py::test_a_reference_cannot_be_moved_to_somebody_elses",
        ),
        Break(
            "a reference to a stranger's row is told apart from one to nothing",
            "app/owning.py",
            "    await database.refer(",
            "    if beyond:\n"
            '        raise database.errors.Invalid("It is somebody else\'s.")\n'
            "    await database.refer(",
            "test_comment.py::test_a_reference_to_somebody_elses_is_one_to_nothing",
        ),
        Break(
            "a permission opens nothing",
            "app/ownership.py",
            "if any(map(caller.may, permissions)):",
            "if False:",
            "test_issue.py::test_a_permission_opens_what_is_somebody_elses",
        ),
        Break(
            "a permission to read opens writing",
            "app/routers/issue.py",
            'WRITE = own_unless("issues:write")',
            'WRITE = own_unless("issues:write", "issues:read")',
            "test_issue.py::test_a_permission_opens_what_is_somebody_elses",
        ),
        Break(
            "a permission opens no references",
            "app/ownership.py",
            'reach(caller, f"{path}:read", f"{path}:write")',
            "caller.user.id",
            "test_owning.py::test_a_permission_opens_everybodys_rows",
        ),
        Break(
            "the scopes of a key do not count for its user's own",
            "app/ownership.py",
            "return NOBODY if caller.scopes.isdisjoint({*permissions, EVERYTHING}) else caller.user.id",
            "return caller.user.id",
            "test_issue.py::test_an_api_key_makes_issues_by_its_scope",
        ),
        Break(
            "any key makes rows of its user's",
            "app/routers/issue.py",
            ", dependencies=[WRITE]",
            "",
            "test_issue.py::test_an_api_key_makes_issues_by_its_scope",
        ),
    )
]

BREAKS = [
    *TRANSACTIONS,
    *MIGRATIONS,
    *ARCHITECTURE,
    *SETTINGS,
    *ERRORS,
    *LOGGING,
    *MIDDLEWARE,
    *SERVER,
    *HEALTH,
    *DESCRIPTION,
    *RESOURCES,
    *DATABASES,
    *AUTH,
    *OIDC,
    *OWNERS,
    *LIMITS,
]
