"""Faults that violate rules of `docs/rules.md`, each with the fix that the failing test must print."""

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
            "architecture/test_architecture.py::test_routes_are_defined_on_routers",
            says="Move them to an `APIRouter` in a module of `app.routers`.",
        ),
        Break(
            "a route has no return type",
            "app/routers/product.py",
            ") -> StreamingResponse:",
            "):",
            "architecture/test_architecture.py::test_route_functions_are_async_with_return_types",
            says="export_products: annotate the return type.",
        ),
        Break(
            "a route is not async",
            "app/health.py",
            "async def live()",
            "def live()",
            "architecture/test_architecture.py::test_route_functions_are_async_with_return_types",
            says="live: make it async.",
        ),
        Break(
            "a handler has more than one statement",
            "app/routers/product.py",
            "    return await products.read(session, product_id)\n",
            "    product = await products.read(session, product_id)\n    return product\n",
            "architecture/test_architecture.py::test_route_function_bodies_are_one_statement",
            says="product.py: move the code of read_product to a service.",
        ),
        Break(
            "a service commits",
            "app/services/product.py",
            "    session.add(product)\n",
            "    session.add(product)\n    await session.commit()\n",
            "architecture/test_architecture.py::test_no_module_calls_commit",
            says="Flush: `Session` commits when the handler returns.",
        ),
        Break(
            "a service raises HTTPException",
            "app/services/product.py",
            "from app.errors import NotFound\n",
            "from starlette.exceptions import HTTPException as NotFound\n",
            "architecture/test_architecture.py::test_only_errors_module_uses_http_exception",
            says="raise an error of `app/errors.py`.",
        ),
        Break(
            "a service starts a background task",
            "app/services/product.py",
            '    """Delete one product."""\n',
            '    """Delete one product."""\n    asyncio.create_task(session.flush())\n',
            "architecture/test_architecture.py::test_request_code_starts_no_background_tasks",
            says="Await it, or enqueue a job.",
        ),
        Break(
            "a module creates an engine on import",
            "app/services/product.py",
            'MISSING = "There is no such product."\n',
            'MISSING = "There is no such product."\nENGINE = create_async_engine("postgresql://localhost")\n',
            "architecture/test_architecture.py::test_importing_app_opens_no_connections",
            says="open it in a lifespan, and store it in `app.state`.",
        ),
        Break(
            "a column is declared as in SQLAlchemy 1",
            "app/models/product.py",
            "from sqlalchemy import Numeric, String, Text\n",
            "from sqlalchemy import Column, Numeric, String, Text\n\nCOLOUR = Column(String)\n",
            "architecture/test_architecture.py::test_models_declare_columns_by_mapped_column",
            says="write `Mapped[…] = mapped_column(…)`.",
        ),
        Break(
            "a schema is configured as in Pydantic 1",
            "app/schemas/product.py",
            '    """Fields to create a product."""\n',
            '    """Fields to create a product."""\n\n    class Config:\n        extra = "forbid"\n',
            "architecture/test_architecture.py::test_no_schema_has_config_class",
            says="write `model_config = ConfigDict(…)`.",
        ),
        Break(
            "a service executes textual SQL",
            "app/services/product.py",
            '    """Delete one product."""\n',
            '    """Delete one product."""\n    await session.execute(text("DELETE FROM products"))\n',
            "architecture/test_architecture.py::test_no_module_writes_raw_sql",
            says="Write it with `select`, `insert`, `update`, `func`, …",
        ),
    ),
    *promise(
        "docs/rules.md: every rule has a check",
        Break(
            "a relationship loads lazily",
            "app/models/user.py",
            'secondary="user_roles", order_by=Role.name, lazy="raise"',
            'secondary="user_roles", order_by=Role.name',
            "architecture/test_architecture.py::test_relationships_are_not_lazy_loaded",
            says='User.roles: write `lazy="raise"`, and load it in the query (`joinedload`).',
        ),
        Break(
            "a route has no access policy",
            "app/routers/product.py",
            ", dependencies=[READ])",
            ")",
            "architecture/test_access_policies.py::test_every_route_declares_access_policy",
            says="declare a policy, or add it to WITHOUT_POLICY.",
        ),
        auth="local",
    ),
]
