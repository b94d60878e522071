"""Run changes of fields in a service: write each revision, migrate rows up and down, and report the outcome.

    python -P revision_program.py <directory of revisions> < groups of changes as JSON

It runs in the directory of a service, and imports its modules. The last line of the output is JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from alembic import command
from sqlalchemy import Column, Connection, MetaData, Table, Uuid, insert, select
from sqlalchemy.orm import DeclarativeBase

sys.path.insert(0, str(Path.cwd()))

base: Any = import_module("app.models.base")
migrate: Any = import_module("app.migrate")
databases: Any = import_module("development.databases")
revisions: Any = import_module("development.revisions")
conversions: Any = import_module("migrations.conversions")


def metadata(source: str) -> MetaData:
    """Execute the models of one state with a `Base` of their own; return their tables."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=base.Base.metadata.naming_convention)
        type_annotation_map = base.Base.type_annotation_map

    Table("users", Base.metadata, Column("id", Uuid(), primary_key=True))
    source = source.replace("import Base, ", "import ")
    module = sys.modules["models"] = ModuleType("models")  # where SQLAlchemy resolves annotations
    vars(module)["Base"] = Base
    exec(compile(source, "models", "exec", dont_inherit=True), vars(module))  # noqa: S102
    return Base.metadata


def is_fit(value: Any, column: Any) -> bool:  # noqa: ANN401
    """Return whether a column can hold a value of another type."""
    if value is None:
        return bool(column.nullable)
    try:
        converted = conversions.convert(value, column.type)
    except (ValueError, ArithmeticError, RecursionError):
        return False
    return converted in getattr(column.type, "enums", [converted])


def load(value: Any, column: Any) -> Any:  # noqa: ANN401
    """Convert a value of the input, where dates and UUIDs are text, to a column's type."""
    return None if value is None else conversions.convert(value, column.type)


class Group:
    """Changes that one revision makes, with a database and a directory of revisions."""

    def __init__(self, number: int, about: dict[str, Any], connection: Connection, directory: Path) -> None:
        self.number = number
        self.connection = connection
        self.directory = directory
        self.before = metadata(about["before"])
        self.after = metadata(about["after"])
        self.metadata = self.before
        self.keys: dict[str, list[str]] = about["keys"]
        self.changes = {each["name"]: each for each in about["changes"]}
        self.outcomes: dict[str, Any] = {name: {"refused": "", "unfit": []} for name in self.changes}

    def run(self, action: Any, *arguments: str, **options: Any) -> Any:  # noqa: ANN401
        config = migrate.config(self.connection)
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", str(self.directory))
        config.attributes["metadata"] = self.metadata
        config.output_buffer = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()):
            result = action(config, *arguments, **options)
        return result or config.output_buffer.getvalue()

    def start(self) -> None:
        self.run(revisions.write, f"start {self.number}")
        self.run(command.upgrade, "head")
        for name, keys in self.keys.items():
            self.insert(self.before.tables[name], [{"id": key, "name": "x"} for key in keys])

    def revise(self) -> None:
        """Write the revision; leave out the changes that are rejected."""
        self.metadata = self.after
        while True:
            try:
                self.run(revisions.write, f"change {self.number}")
            except ValueError as error:
                name = str(error).partition(".")[0].removesuffix("s")
                self.outcomes[name]["refused"] = str(error)
                self.after.remove(self.after.tables[self.changes[name]["after"]])
                self.before.tables[self.changes[name]["before"]].to_metadata(self.after)
            else:
                return

    def insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        common = {"id": base.uuid7, "created_at": base.now, "updated_at": base.now}
        for row in rows:
            defaults = {name: make() for name, make in common.items() if name in table.c}
            values = {name: load(value, table.c[name]) for name, value in row.items() if name in table.c}
            self.connection.execute(insert(table), defaults | values)

    def read(self, table: Table) -> list[dict[str, Any]]:
        rows = self.connection.execute(select(table).order_by(table.c.id))
        return [dict(row) for row in rows.mappings()]

    def renamed(self, about: dict[str, Any]) -> dict[str, str]:
        """Map the columns of a table to their names after the change."""
        columns = self.after.tables[about["after"]].c
        names = {column.info.get("was", column.name): column.name for column in columns}
        return {name: new for name, new in names.items() if name in self.before.tables[about["before"]].c}

    def expected(self, about: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Convert rows to the types after the change."""
        columns = self.after.tables[about["after"]].c
        return [
            {
                new: None if row[old] is None else conversions.convert(row[old], columns[new].type)
                for old, new in self.renamed(about).items()
            }
            for row in rows
        ]

    def sort(self, about: dict[str, Any]) -> None:
        """Decide which rows of a pair of types fit the new type."""
        if about["says"] or about["unfit"] or "_to_" not in about["name"]:
            return
        before, after = self.before.tables[about["before"]].c, self.after.tables[about["after"]].c
        fit = [all(is_fit(load(row[name], before[name]), after[name]) for name in row) for row in about["rows"]]
        about["unfit"] = [row for row, fits in zip(about["rows"], fit, strict=True) if not fits]
        about["rows"] = [row for row, fits in zip(about["rows"], fit, strict=True) if fits]

    def migrate_rows(self) -> None:
        """Upgrade and downgrade tables with rows; assert that their values survive."""
        before = {}
        for name, about in self.changes.items():
            self.sort(about)
            table = self.before.tables[about["before"]]
            self.insert(table, about["rows"])
            before[name] = self.read(table)
        for _ in range(2):
            self.run(command.upgrade, "head")
            self.run(command.check)
            for name, about in self.changes.items():
                after = self.read(self.after.tables[about["after"]])
                actual = [{each: row[each] for each in self.renamed(about).values()} for row in after]
                self.compare(name, actual, self.expected(about, before[name]))
            self.run(command.downgrade, "-1")
            for name, about in self.changes.items():
                reverted = self.read(self.before.tables[about["before"]])
                self.compare(name, self.expected(about, reverted), self.expected(about, before[name]))
                self.outcomes[name]["rows"] = len(reverted)

    def compare(self, name: str, rows: Any, expected: Any) -> None:  # noqa: ANN401
        if rows != expected:
            differing = [pair for pair in zip(rows, expected, strict=True) if pair[0] != pair[1]]
            self.outcomes[name]["differs"] = str(differing)

    def fail(self) -> None:
        """Upgrade with rows that do not fit, one change at a time; record the errors."""
        for name, about in self.changes.items():
            if not about["unfit"] or self.outcomes[name]["refused"]:
                continue
            error = self.upgrade_error(about, about["unfit"])
            counted = re.search(r": (\d+) values? of \w+ (?:does|do) not convert", error)
            self.outcomes[name]["unfit"] = [error]
            if not (counted and int(counted[1]) == len(about["unfit"])) and "_to_" in name:
                errors = [self.upgrade_error(about, [row]) for row in about["unfit"]]
                self.outcomes[name]["unfit"] += errors
            if about["fix"] and not (result := self.fixed(about)).startswith("SILENT"):
                self.outcomes[name]["unfixed"] = result

    def fixed(self, about: dict[str, Any]) -> str:
        """Upgrade with rows that do not fit, and a statement above their check, as its error says."""
        [path] = self.directory.glob("*_change_*.py")
        source = path.read_text(encoding="utf-8")
        above = rf'(?=^    steps\.\w+\(\s*"{about["before"]}")'
        statement = f"    op.execute({about['fix']!r})\n"
        path.write_text(re.sub(above, statement, source, count=1, flags=re.MULTILINE), encoding="utf-8")
        try:
            return self.upgrade_error(about, about["unfit"])
        finally:
            path.write_text(source, encoding="utf-8")

    def upgrade_error(self, about: dict[str, Any], rows: list[dict[str, Any]]) -> str:
        savepoint = self.connection.begin_nested()
        try:
            self.insert(self.before.tables[about["before"]], rows)
            self.run(command.upgrade, "head")
        except ValueError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - an error of the database has too few words
            return f"UNCLEAR {type(error).__name__}: {error}"[:500]
        else:
            return f"SILENT {rows}"
        finally:
            savepoint.rollback()

    def outcome(self) -> dict[str, Any]:
        self.start()
        self.revise()
        if self.connection.dialect.supports_alter:  # Alembic copies tables only online
            (self.directory / "head.sql").write_text(self.run(command.upgrade, "head", sql=True), encoding="utf-8")
        try:
            self.migrate_rows()
        except Exception as error:  # noqa: BLE001
            for outcome in self.outcomes.values():
                outcome["failed"] = f"{type(error).__name__}: {error}"[:1000]
        else:
            self.fail()
        return self.outcomes


async def run(groups: list[dict[str, Any]], directory: Path) -> dict[str, Any]:
    outcomes: dict[str, Any] = {}
    with databases.temporary() as server:
        for number, about in enumerate(groups):
            os.environ["DATABASE_URL"] = await databases.create(server)
            revised = directory / str(number)
            revised.mkdir(parents=True)
            async with migrate.locked() as connection:

                def act(connection: Connection, number: int = number, about: Any = about) -> Any:  # noqa: ANN401
                    return Group(number, about, connection, revised).outcome()  # noqa: B023

                outcomes |= await connection.run_sync(act)
    return outcomes


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(run(json.load(sys.stdin), Path(sys.argv[1])))))  # noqa: T201
