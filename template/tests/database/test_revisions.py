"""Tests of generated migrations: renames, backfills, and warnings of data loss."""

from collections.abc import AsyncGenerator, Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    Uuid,
    column,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from app.migrate import config, locked
from app.models.base import Base, check
from development import databases, revisions
from development.revisions.types import is_lossless

AUTOCOMMIT = """
from alembic import op
revision, down_revision = "autocommit", None
def upgrade():
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE notes (id INTEGER)")
"""


class History:
    """Migrations in a temporary directory, and the database that they migrate."""

    def __init__(self, connection: AsyncConnection, directory: Path) -> None:
        self.connection = connection
        self.directory = directory
        self.metadata = MetaData()

    async def run(self, action: Callable[..., Any], *arguments: str) -> Any:  # noqa: ANN401
        """Run an Alembic command or `revisions.write` with the current tables."""
        alembic = config()
        alembic.set_main_option("path_separator", "os")
        alembic.set_main_option("version_locations", str(self.directory))

        def act(connection: Any) -> Any:  # noqa: ANN401
            alembic.attributes.update(connection=connection, metadata=self.metadata)
            return action(alembic, *arguments)

        return await self.connection.run_sync(act)

    async def revise(
        self, message: str, *tables: Callable[[MetaData], Table]
    ) -> tuple[str, list[str]]:
        """Generate the migration to the given tables; return its source and warnings."""
        self.metadata = MetaData(naming_convention=Base.metadata.naming_convention)
        for table in tables:
            table(self.metadata)
        warnings = await self.run(revisions.write, message)
        (path,) = self.directory.glob(f"*_{message}.py")
        return path.read_text(), warnings

    async def start(self, *tables: Callable[[MetaData], Table]) -> None:
        """Create the given tables by a first migration."""
        await self.revise("start", *tables)
        await self.run(command.upgrade, "head")

    async def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows."""
        result = await self.connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []

    async def assert_reversible(self) -> None:
        """Assert that the upgrade creates the given tables, and that the downgrade succeeds."""
        for _ in range(2):
            await self.run(command.upgrade, "head")
            await self.run(command.check)
            await self.run(command.downgrade, "-1")
        await self.run(command.upgrade, "head")


@pytest.fixture
async def history(
    database_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[History, None]:
    """Return an empty migration history with an empty database."""
    url = await databases.create(database_server)
    monkeypatch.setenv("DATABASE_URL", url)
    async with locked() as connection:
        yield History(connection, tmp_path)
    await databases.drop(url)


def table(name: str, *items: Any, was: str = "") -> Callable[[MetaData], Table]:  # noqa: ANN401
    """Return a function that defines a table with a primary key."""
    key: Column[int] = Column("id", Integer, primary_key=True, autoincrement=False)
    info = {"was": was} if was else {}
    return lambda metadata: Table(name, metadata, key, *items, info=info)


def suppliers_and_products() -> list[Callable[[MetaData], Table]]:
    """Return a table of suppliers, and one of products that references it."""
    reference = ForeignKey("suppliers.id", ondelete="CASCADE")
    return [
        table("suppliers", Column("name", String(40), unique=True)),
        table(
            "products",
            Column("title", String(40), index=True),
            Column("supplier_id", reference, unique=True),
            check("length(title) >= 1"),
        ),
    ]


def vendors_and_articles() -> list[Callable[[MetaData], Table]]:
    """Return the same tables with other names of tables and columns, and one more column."""
    reference = ForeignKey("vendors.id", ondelete="CASCADE")
    return [
        table("vendors", Column("name", String(40), unique=True), was="suppliers"),
        table(
            "articles",
            Column("name", String(40), index=True, info={"was": "title"}),
            Column("vendor_id", reference, unique=True, info={"was": "supplier_id"}),
            Column("rank", Integer, server_default="7", nullable=False),
            check("length(name) >= 1"),
            was="products",
        ),
    ]


async def test_declared_rename_migration_preserves_rows(history: History) -> None:
    await history.start(*suppliers_and_products())
    await history.execute("INSERT INTO suppliers VALUES (1, 'Acme')")
    await history.execute("INSERT INTO products VALUES (2, 'Anvil', 1)")
    source, warnings = await history.revise("rename", *vendors_and_articles())
    assert 'op.rename_table("products", "articles")' in source
    assert 'op.alter_column("articles", "title", new_column_name="name")' in source
    assert "drop_table" not in source
    assert not warnings
    await history.assert_reversible()
    assert await history.execute("SELECT * FROM vendors") == [(1, "Acme")]
    assert await history.execute("SELECT id, name, vendor_id, rank FROM articles") == [
        (2, "Anvil", 1, 7)
    ]


async def test_next_migration_does_not_repeat_applied_rename(history: History) -> None:
    articles = partial(table, "articles", was="products")
    await history.start(articles(Column("name", String(40), info={"was": "title"})))
    source, _ = await history.revise(
        "change",
        articles(Column("name", String(40), info={"was": "title"}), Column("title", String(80))),
        table("products"),
    )
    assert "rename" not in source
    assert 'op.create_table(\n        "products",' in source


async def test_possible_undeclared_table_rename_is_reported(history: History) -> None:
    await history.start(table("products", Column("title", String(40))))
    articles = table("articles", Column("title", String(40)))
    source, (warning,) = await history.revise("change", articles)
    assert "products is dropped beside articles, of the same columns." in warning
    assert "declare `was`" in warning
    assert f"    # Lossy: {warning}\n    op.drop_table(" in source


async def test_possible_undeclared_column_rename_is_reported(history: History) -> None:
    await history.start(table("products", Column("title", String(40)), Column("stock", Integer)))
    products = table("products", Column("name", String(40)))
    source, (warning,) = await history.revise("change", products)
    assert "products.title is dropped beside name, of the same type." in warning
    assert f"# Lossy: {warning}" in source


async def test_unrelated_drop_and_add_is_not_reported_as_rename(history: History) -> None:
    await history.start(table("products", Column("title", String(40))), table("notes"))
    _, warnings = await history.revise(
        "change",
        table("products", Column("name", String(80))),
        table("articles", Column("title", String(40))),
    )
    assert warnings == []


async def test_narrowing_column_type_fails_on_unfit_values(
    history: History,
) -> None:
    await history.start(table("products", Column("price", Numeric(10, 2)), Column("note", Text)))
    await history.execute("INSERT INTO products VALUES (1, 2.50, 'A note of 30 characters or so.')")
    _, warnings = await history.revise(
        "change", table("products", Column("price", Integer), Column("note", String(20)))
    )
    assert [warning.partition(":")[0] for warning in warnings] == [
        "products.price, NUMERIC(10, 2) to INTEGER",
        "products.note, TEXT to VARCHAR(20)",
    ]
    with pytest.raises(ValueError, match="1 value of price does not convert to INTEGER"):
        await history.run(command.upgrade, "head")
    await history.execute("UPDATE products SET price = 3")
    with pytest.raises(ValueError, match=r"1 row violates `length\(note\) <= 20`"):
        await history.run(command.upgrade, "head")
    await history.execute("UPDATE products SET note = 'Short.'")
    await history.assert_reversible()
    assert await history.execute("SELECT * FROM products") == [(1, 3, "Short.")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (String(40), String(80)),
        (String(40), Text()),
        (Uuid(), String(40)),
        (Integer(), BigInteger()),
        (Integer(), Numeric(10, 0)),
        (Numeric(8, 2), Numeric(10, 2)),
        (Integer(), Double()),
        (Date(), DateTime(timezone=True)),
        (Boolean(), Integer()),
        (Boolean(), Numeric(10, 2)),
        (Boolean(), Double()),
        (Boolean(), String(5)),
        (Integer(), String(11)),
        (BigInteger(), String(20)),
        (Numeric(4, 4), String(7)),
        (Double(), String(24)),
        (Date(), String(10)),
        (Time(), String(15)),
        (DateTime(timezone=True), String(27)),
        (Uuid(), String(36)),
    ],
    ids=repr,
)
def test_change_to_wider_column_type_is_lossless(
    old: TypeEngine[Any], new: TypeEngine[Any]
) -> None:
    assert is_lossless(old, new)
    assert not is_lossless(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Numeric(10, 2), Numeric(10, 1)),
        (Numeric(10, 1), Numeric(10, 2)),  # one digit less before the decimal point
        (BigInteger(), Double()),
        (Double(), Numeric(10, 2)),
        (JSON(), String(200)),
        (Boolean(), String(4)),
        (Integer(), String(10)),
        (BigInteger(), String(19)),
        (Numeric(4, 4), String(6)),
        (Double(), String(23)),
        (Date(), String(9)),
        (Time(), String(14)),
        (DateTime(timezone=True), String(26)),
        (Uuid(), String(35)),
        (Boolean(), Numeric(2, 2)),
        (Text(), Date()),
        (DateTime(timezone=True), Date()),
        (Uuid(), Boolean()),
    ],
    ids=repr,
)
def test_change_to_incompatible_column_type_is_lossy(
    old: TypeEngine[Any], new: TypeEngine[Any]
) -> None:
    assert not is_lossless(old, new)


async def test_migration_fills_existing_rows_with_default(history: History) -> None:
    await history.start(table("products", Column("note", String(40)), Column("stock", Integer)))
    await history.execute("INSERT INTO products VALUES (1, NULL, NULL)")
    await history.execute("INSERT INTO products VALUES (2, 'two', 2)")
    note, odd = "it's :new", "100 %s"
    _, warnings = await history.revise(
        "change",
        table(
            "products",
            Column("note", String(40), server_default=note, nullable=False),
            Column("stock", Integer, server_default="7", nullable=False),
            Column("kind", String(40), server_default=odd, nullable=False),
        ),
    )
    assert warnings == []
    await history.run(command.upgrade, "head")
    await history.run(command.check)
    assert await history.execute("SELECT id, note, stock, kind FROM products ORDER BY id") == [
        (1, note, 7, odd),
        (2, "two", 2, odd),
    ]


async def test_new_table_is_filled_with_declared_rows(history: History) -> None:
    await history.start(table("authors", Column("publisher", String(40))))
    await history.execute("INSERT INTO authors VALUES (1, 'Acme'), (2, NULL)")

    def contracts(metadata: MetaData) -> Table:
        rows = "SELECT id, publisher FROM authors WHERE publisher IS NOT NULL"
        created = table("contracts", Column("name", String(40)))(metadata)
        created.info["filled_by"] = rows
        return created

    await history.revise("fill", table("authors", Column("publisher", String(40))), contracts)
    await history.assert_reversible()
    assert await history.execute("SELECT id, name FROM contracts") == [(1, "Acme")]


async def test_new_required_column_without_default_is_reported(history: History) -> None:
    await history.start(table("products", Column("note", String(40))))
    _, warnings = await history.revise(
        "change",
        table(
            "products",
            Column("note", String(40), nullable=False),
            Column("stock", Integer, nullable=False),
        ),
    )
    assert sorted(warning.partition(":")[0] for warning in warnings) == [
        "products.note becomes required without a default",
        "products.stock is required without a default",
    ]
    assert all("Give it a default, or make it optional first." in warning for warning in warnings)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Integer(), 7),
        (Numeric(10, 2), Decimal("2.50")),
        (Boolean(), True),
        (Date(), date(2026, 1, 31)),
        (DateTime(timezone=True), datetime(2026, 1, 31, 10, 11, 12, 1, tzinfo=UTC)),
        (Time(), time(10, 11, 12)),
        (Uuid(), UUID(int=7)),
        (JSON(), {"a": [1, "ü"]}),
    ],
    ids=repr,
)
async def test_values_convert_to_text_and_back(
    history: History, kind: TypeEngine[Any], value: object
) -> None:
    await history.start(table("products", Column("code", kind)))
    products = history.metadata.tables["products"]
    await history.connection.execute(insert(products).values(id=1, code=value))
    await history.revise("text", table("products", Column("code", Text)))
    await history.assert_reversible()
    await history.revise("back", table("products", Column("code", kind)))
    await history.assert_reversible()
    assert await history.connection.scalar(select(products.c.code)) == value


async def test_text_that_is_no_number_fails_conversion_and_stays(history: History) -> None:
    await history.start(table("products", Column("code", String(40))))
    await history.execute("INSERT INTO products VALUES (1, '7'), (2, '007'), (3, 'abc')")
    await history.revise("change", table("products", Column("code", Integer)))
    with pytest.raises(ValueError, match="products: 2 values of code do not convert to INTEGER"):
        await history.run(command.upgrade, "head")
    assert await history.execute("SELECT code FROM products WHERE id = 3") == [("abc",)]


NO_JSON = [
    '{"a": NaN}',
    "[1e999]",
    '["\\ud800"]',
    '["\\u0000"]',
    '{"a": 1, "a": 2}',
    "[12345678901234567890123.0]",
    f"{'[' * 150}{']' * 150}",
    f"{'[' * 100_000}{']' * 100_000}",
    "7",
]
NO_DATETIMES = [
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59-05:00",
    "2026-01-31T10:30:00.1234567Z",
    "2026-01-31T10:30:00,5Z",
    "2026-01-31T10Z",
    "2026-W05-6T10:30:00Z",
    "2026-01-31T10:30:00+16:00",
    "2026-01-31T24:00:00Z",
    "2026-01-31T10:30:00",
]


@pytest.mark.parametrize(
    ("kind", "lossy", "exact"),
    [
        (JSON(), NO_JSON, {'{"a": [1.10, "\\ud83d\\ude00"]}': {"a": [1.1, "\U0001f600"]}}),
        (
            DateTime(timezone=True),
            NO_DATETIMES,
            {"2026-01-31T10:30+05:30": datetime(2026, 1, 31, 5, 0, tzinfo=UTC)},
        ),
        (Date(), ["2026-W01-1", "20260131"], {"0197-08-24": date(197, 8, 24)}),
        (
            Time(),
            ["T103059,5", "10", "10:30Z", "24:00", "10:30:00.1234567"],
            {"10:30:59.5": time(10, 30, 59, 500_000)},
        ),
        (
            Uuid(),
            [f"urn:uuid:{UUID(int=7)}", f"{{{UUID(int=7)}}}", "0-7", f"{UUID(int=7)}-"],
            {str(UUID(int=10)).upper(): UUID(int=10), UUID(int=11).hex: UUID(int=11)},
        ),
        (Integer(), ["1e999999999", "1.0", "+7"], {"-7": -7}),
    ],
    ids=lambda value: repr(value) if isinstance(value, TypeEngine) else "",
)
async def test_text_converts_exactly_or_fails_and_stays(
    history: History, kind: TypeEngine[Any], lossy: list[str], exact: dict[str, Any]
) -> None:
    await history.start(table("products", Column("code", Text)))
    products = history.metadata.tables["products"]
    for number, code in enumerate([*lossy, *exact]):
        await history.connection.execute(insert(products).values(id=number, code=code))
    await history.revise("change", table("products", Column("code", kind)))
    with pytest.raises(ValueError, match=f"products: {len(lossy)} values of code do not convert"):
        await history.run(command.upgrade, "head")
    await history.execute(f"DELETE FROM products WHERE id < {len(lossy)}")  # noqa: S608
    await history.run(command.upgrade, "head")
    changed = select(history.metadata.tables["products"].c.code).order_by(text("id"))
    assert list(await history.connection.scalars(changed)) == list(exact.values())


async def test_conversion_without_meaning_is_rejected(history: History) -> None:
    await history.start(table("products", Column("stock", Integer)))
    with pytest.raises(
        ValueError, match=r"products\.stock: values of INTEGER do not convert to UUID"
    ):
        await history.revise("change", table("products", Column("stock", Uuid)))
    assert not list(history.directory.glob("*_change.py"))


async def test_rows_that_violate_new_constraints_are_counted(history: History) -> None:
    columns = [Column("code", String(40)), Column("stock", Integer)]
    await history.start(table("products", *columns))
    await history.execute("INSERT INTO products VALUES (1, 'a', -1), (2, 'a', -1)")
    columns = [Column("code", String(40), unique=True), Column("stock", Integer)]
    await history.revise("change", table("products", *columns, check("stock >= 0")))
    with pytest.raises(ValueError, match="products: 1 value of code occurs in several rows"):
        await history.run(command.upgrade, "head")
    await history.execute("UPDATE products SET code = 'b' WHERE id = 2")
    with pytest.raises(ValueError, match="products: 2 rows violate `stock >= 0`"):
        await history.run(command.upgrade, "head")


async def test_autocommit_block_runs_within_transaction_of_caller(history: History) -> None:
    (history.directory / "autocommit.py").write_text(AUTOCOMMIT)
    await history.execute("SELECT 1")  # begins a transaction
    await history.run(command.upgrade, "head")
    assert await history.execute("SELECT * FROM notes") == []


def rooms_of_guests() -> list[Callable[[MetaData], Table]]:
    """Return a table with every constraint that a row may violate, and the table it references."""
    return [
        table("guests"),
        table("tenants"),
        table(
            "rooms",
            Column("mode", String(1), nullable=False),
            Column("beds", Integer),
            Column("code", String(9), unique=True),
            Column("guest_id", ForeignKey("guests.id", name="fk_rooms_guest")),
            check("mode IN ('a','b')"),
            check("beds <= 5"),
        ),
    ]


def rooms_of_tenants() -> list[Callable[[MetaData], Table]]:
    """Return the tables with constraints that no row of before satisfies."""
    return [
        table("guests"),
        table("tenants"),
        table(
            "rooms",
            Column("mode", String(2), nullable=False, server_default="aa"),
            Column("beds", Integer),
            Column("code", String(9)),
            Column("guest_id", ForeignKey("tenants.id", name="fk_rooms_tenant")),
            check("mode IN ('aa','b')"),
            check("beds > 5"),
        ),
    ]


ROOMS = "rooms VALUES (1, 'a', 5, 'x', 1), (2, 'b', 4, 'y', 1)"
TO_TENANTS = (
    "UPDATE rooms SET beds = beds + 5, code = 'x', guest_id = 2",
    "UPDATE rooms SET mode = 'aa' WHERE mode = 'a'",
)
TO_GUESTS = (
    "UPDATE rooms SET beds = beds - 5, code = mode, guest_id = 1",
    "UPDATE rooms SET mode = 'a' WHERE mode = 'aa'",
)


def with_statements(source: str, function: str, *statements: str) -> str:
    """Insert statements above the first check of a revision's function, as its error says."""
    head, name, body = source.partition(f"def {function}")
    lines = "".join(f'    op.execute("{each}")\n' for each in statements)
    first, step, rest = body.partition("    steps.")
    assert step
    return head + name + first + lines + step + rest


async def test_rows_can_be_changed_between_old_and_new_constraints(history: History) -> None:
    await history.start(*rooms_of_guests())
    for rows in ("guests VALUES (1)", "tenants VALUES (2)", ROOMS):
        await history.execute(f"INSERT INTO {rows}")
    source, _ = await history.revise("change", *rooms_of_tenants())
    async with history.connection.begin_nested() as savepoint:
        with pytest.raises(ValueError, match=r"op\.execute` above this step"):
            await history.run(command.upgrade, "head")
        await savepoint.rollback()
    source = with_statements(source, "upgrade", *TO_TENANTS)
    source = with_statements(source, "downgrade", *TO_GUESTS)
    (path,) = history.directory.glob("*_change.py")
    path.write_text(source)
    await history.assert_reversible()
    assert await history.execute("SELECT mode, beds, code, guest_id FROM rooms ORDER BY id") == [
        ("aa", 10, "x", 2),
        ("b", 9, "x", 2),
    ]


async def test_backfill_writes_value_that_old_constraint_rejects(history: History) -> None:
    await history.start(table("rooms", Column("mode", String(2)), check("mode IN ('a')")))
    await history.execute("INSERT INTO rooms VALUES (1, NULL)")
    mode = Column("mode", String(2), nullable=False, server_default="b")
    await history.revise("change", table("rooms", mode, check("mode IN ('a','b')")))
    await history.run(command.upgrade, "head")
    assert await history.execute("SELECT mode FROM rooms") == [("b",)]


def graded(*values: str) -> Callable[[MetaData], Table]:
    """Return a table of pupils, whose grade is one of the values."""
    members = column("grade", String()).in_(values)
    return table("pupils", Column("grade", String(40)), CheckConstraint(members, name="grade"))


async def test_member_that_differs_by_sign_is_replaced(history: History) -> None:
    await history.start(graded("A+", "b"))
    await history.execute("INSERT INTO pupils VALUES (1, 'b')")
    await history.revise("signs", graded("A-", "b"))
    await history.assert_reversible()
    await history.execute("UPDATE pupils SET grade = 'A-'")


@pytest.mark.parametrize("value", [":x", "it's (1), CHECK (", "50 %", "a\\b", "::text", "ß\\:y"])
async def test_member_with_special_characters_is_stored(history: History, value: str) -> None:
    statement = text("INSERT INTO pupils VALUES (1, :grade)")
    await history.start(graded("b", value))
    await history.connection.execute(statement, {"grade": value})
    await history.run(command.check)
    await history.revise("more", graded("b", value, "c"))
    await history.assert_reversible()
    assert await history.execute("SELECT grade FROM pupils") == [(value,)]
