"""What would let the code decay: its architecture, its settings, its description."""

from __future__ import annotations

from tests.harness.breaks.definition import BOTH, SQLITE, Break

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
