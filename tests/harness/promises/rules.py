"""Break the rules of the code; each test says how to fix it (`says`), as `docs/rules.md` quotes."""

from __future__ import annotations

from tests.harness.promises.definition import Break, promise

RULES = [
    *promise(
        "docs/rules.md: every rule has a check",
        Break(
            "declares a route on the application",
            "app/main.py",
            "    routers.install(app)\n",
            '    routers.install(app)\n\n    @app.get("/products/number")\n'
            "    async def number() -> int:\n        return 1\n\n",
            "architecture/test_architecture.py::test_every_route_stands_on_a_router",
            says="Give them an `APIRouter`, in a module of `app.routers`.",
        ),
        Break(
            "a route has no return type",
            "app/routers/product.py",
            ") -> StreamingResponse:",
            "):",
            "architecture/test_architecture.py::test_every_route_is_async_and_says_what_it_returns",
            says="export_products: say what it returns.",
        ),
        Break(
            "a route is not async",
            "app/health.py",
            "async def live()",
            "def live()",
            "architecture/test_architecture.py::test_every_route_is_async_and_says_what_it_returns",
            says="live: make it async.",
        ),
        Break(
            "a handler has more than one statement",
            "app/routers/product.py",
            "    return await products.read(session, product_id)\n",
            "    product = await products.read(session, product_id)\n    return product\n",
            "architecture/test_architecture.py::test_every_handler_of_the_api_is_one_statement",
            says="product.py: read_product belongs in a service.",
        ),
        Break(
            "a service commits",
            "app/services/product.py",
            "    session.add(product)\n",
            "    session.add(product)\n    await session.commit()\n",
            "architecture/test_architecture.py::test_nobody_commits_but_the_session",
            says="Flush: `Session` commits once the handler returns.",
        ),
        Break(
            "a service raises HTTPException",
            "app/services/product.py",
            "from app.errors import NotFound\n",
            "from starlette.exceptions import HTTPException as NotFound\n",
            "architecture/test_architecture.py::test_only_errors_speaks_of_http_exceptions",
            says="raise an error of `app/errors.py`.",
        ),
        Break(
            "a service starts a background task",
            "app/services/product.py",
            '    """Remove a product."""\n',
            '    """Remove a product."""\n    asyncio.create_task(session.flush())\n',
            "architecture/test_architecture.py::test_nothing_goes_on_after_its_answer",
            says="Wait for it, or have a job do it.",
        ),
        Break(
            "a module creates an engine on import",
            "app/services/product.py",
            'MISSING = "There is no such product."\n',
            'MISSING = "There is no such product."\nENGINE = create_async_engine("postgresql://localhost")\n',
            "architecture/test_architecture.py::test_an_import_opens_nothing",
            says="open it in a lifespan, and keep it in `app.state`.",
        ),
        Break(
            "a column is declared as in SQLAlchemy 1",
            "app/models/product.py",
            "from sqlalchemy import Numeric, String, Text\n",
            "from sqlalchemy import Column, Numeric, String, Text\n\nCOLOUR = Column(String)\n",
            "architecture/test_architecture.py::test_columns_are_mapped_by_their_types",
            says="Write `Mapped[…] = mapped_column(…)`.",
        ),
        Break(
            "a schema is configured as in Pydantic 1",
            "app/schemas/product.py",
            '    """A product to add."""\n',
            '    """A product to add."""\n\n    class Config:\n        extra = "forbid"\n',
            "architecture/test_architecture.py::test_schemas_are_configured_by_model_config",
            says="write `model_config = ConfigDict(…)`.",
        ),
        Break(
            "a service executes textual SQL",
            "app/services/product.py",
            '    """Remove a product."""\n',
            '    """Remove a product."""\n    await session.execute(text("DELETE FROM products"))\n',
            "architecture/test_architecture.py::test_sql_is_written_as_expressions",
            says="Write it by `select`, `insert`, `update`, `func`, …",
        ),
    ),
    *promise(
        "docs/rules.md: every rule has a check",
        Break(
            "a relationship loads lazily",
            "app/models/user.py",
            'role: Mapped[Role | None] = relationship(lazy="raise")',
            "role: Mapped[Role | None] = relationship()",
            "architecture/test_architecture.py::test_relationships_load_nothing_unasked",
            says='User.role: write `lazy="raise"`, and name in the query what it loads.',
        ),
        Break(
            "a route has no access policy",
            "app/routers/product.py",
            ", dependencies=[SIGNED_IN])",
            ")",
            "architecture/test_access_policies.py::test_every_route_declares_who_may_call_it",
            says="declare a policy, or list it here.",
        ),
        auth="local",
    ),
]
