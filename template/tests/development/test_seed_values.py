"""Tests of the values and rows that the command `seed` generates."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)

from app.schemas.base import Integer as Int
from app.schemas.base import Json, Line, Moment, Number, Schema, Text, TimeOfDay, places
from development.seeds.resources import columns, schema_of, schemas_of
from development.seeds.rows import RowFactory
from development.seeds.values import factory

COUNT = 50


class Sample(Schema):
    """Fields with constraints of each kind."""

    first_name: Annotated[Line, Field(max_length=40)]
    city: Line | None = None
    code: Annotated[Line, Field(pattern=r"^[A-Z]{2}-[^a-z_]{3}$", examples=["AB-123"])]
    key: Annotated[Line, Field(max_length=2)]
    label: Annotated[Line, Field(min_length=150, max_length=160)]
    body: Annotated[Text, Field(min_length=400, max_length=500)]
    price: Annotated[Number, Field(ge=0, max_digits=3, decimal_places=2), places(2)]
    rank: Annotated[Int, Field(gt=1000)]
    depth: Annotated[Int, Field(lt=-10)]
    share: Annotated[float, Field(gt=0, lt=1)]
    born_on: Annotated[date, Field(lt=date(2026, 1, 1))]
    tiny: Annotated[float, Field(ge=0.001, le=0.002)]
    past: Annotated[date, Field(ge=date(1990, 1, 1), lt=date(1990, 1, 3))]
    due_on: Annotated[date, Field(ge=date(2040, 1, 1), le=date(2040, 1, 2))]
    seen_at: Moment
    opens_at: TimeOfDay
    data: Json
    tags: Json = Field(default_factory=list)


class Stay(Schema):
    """Two fields with a rule."""

    arrives_on: date
    leaves_on: date

    @model_validator(mode="after")
    def check_order(self) -> "Stay":
        """Reject a stay that ends before it begins."""
        if self.leaves_on <= self.arrives_on:
            message = "leaves before arrival"
            raise ValueError(message)
        return self


class Impossible(Schema):
    """A field whose rule no value satisfies."""

    name: Line

    @model_validator(mode="after")
    def check_name(self) -> "Impossible":
        """Reject every name."""
        message = "taken"
        raise ValueError(message)


def samples(schema: type[BaseModel], key: str = "0") -> list[Any]:
    """Return instances of a schema."""
    made = factory(schema, key, frozenset())
    return [made.build() for _ in range(COUNT)]


def table(*items: Any) -> Table:  # noqa: ANN401
    """Return a table with a UUID as primary key."""
    return Table("samples", MetaData(), Column("id", Uuid, primary_key=True, default=UUID), *items)


def test_values_satisfy_constraints() -> None:
    for sample in samples(Sample):
        Sample.model_validate(sample.model_dump())


def test_values_depend_on_key_only() -> None:
    assert samples(Sample) == samples(Sample)
    assert samples(Sample) != samples(Sample, "1")


@pytest.mark.parametrize(
    ("name", "is_plausible"),
    [
        pytest.param("first_name", lambda value: value.istitle() and " " not in value, id="name"),
        pytest.param("born_on", lambda value: value.year < 2010, id="birth"),
        pytest.param("seen_at", lambda value: value.year in (2025, 2026), id="moment"),
        pytest.param("opens_at", lambda value: value.minute % 15 == 0, id="time"),
        pytest.param("body", lambda value: value.count(".") > 3, id="sentences"),
        pytest.param("data", lambda value: isinstance(value, dict), id="object"),
        pytest.param("tags", lambda value: isinstance(value, list), id="array"),
    ],
)
def test_values_are_plausible_by_name(name: str, is_plausible: Callable[[Any], bool]) -> None:
    assert all(is_plausible(getattr(sample, name)) for sample in samples(Sample))


def test_optional_field_is_mostly_filled() -> None:
    cities = [sample.city for sample in samples(Sample)]
    assert COUNT / 2 < sum(city is not None for city in cities) < COUNT


def test_rule_of_two_fields_is_satisfied() -> None:
    target = table(Column("arrives_on", String), Column("leaves_on", String))
    rows, problem = RowFactory(target, [Stay], "0", {}).rows(COUNT, [])
    assert len(rows) == COUNT
    assert not problem


def test_impossible_rule_is_reported() -> None:
    rows, problem = RowFactory(table(Column("name", String)), [Impossible], "0", {}).rows(1, [])
    assert rows == []
    assert problem == (
        "Impossible rejects the row (Value error, taken); add `examples` to its fields"
    )


def test_required_column_that_schema_lacks_is_filled() -> None:
    target = table(Column("arrives_on", Date), Column("slug", String(9), nullable=False))
    schemas = list(schemas_of(target, Stay))
    rows, _ = RowFactory(target, schemas, "0", {}).rows(COUNT, [])
    assert all(row["arrives_on"] and 0 < len(row["slug"]) <= 9 for row in rows)


def test_unique_values_differ_from_each_other_and_existing_rows() -> None:
    target = table(
        Column("rank", Integer, CheckConstraint("rank >= 1"), unique=True, nullable=False),
        CheckConstraint("rank <= 20"),
    )
    made = RowFactory(target, [schema_of(target, columns(target))], "0", {})
    rows, problem = made.rows(COUNT, [{"id": UUID(int=1), "rank": 7}])
    ranks = [row["rank"] for row in rows]
    assert len(ranks) == len(set(ranks)) > 10
    assert set(ranks) <= set(range(1, 21)) - {7}
    assert problem == "no further values are distinct"


def test_one_to_one_reference_uses_each_row_once() -> None:
    parent = Table("parents", MetaData(), Column("id", Uuid, primary_key=True))
    pool = [{"id": UUID(int=number)} for number in range(3)]
    target = table(Column("parent_id", ForeignKey(parent.c.id), unique=True, nullable=False))
    rows, problem = RowFactory(target, [], "0", {parent: pool}).rows(COUNT, [])
    assert [row["parent_id"] for row in rows] == [each["id"] for each in pool]
    assert problem == "there are no further rows of parents to reference"


def test_pair_of_references_is_distinct() -> None:
    parent = Table("parents", MetaData(), Column("id", Uuid, primary_key=True))
    pool = [{"id": UUID(int=number)} for number in range(9)]
    target = table(
        Column("left", ForeignKey(parent.c.id), nullable=False),
        Column("right", ForeignKey(parent.c.id), nullable=False),
        UniqueConstraint("left", "right"),
    )
    rows, _ = RowFactory(target, [], "0", {parent: pool}).rows(COUNT, [])
    assert len({(row["left"], row["right"]) for row in rows}) == COUNT


def test_self_reference_is_to_earlier_row() -> None:
    target = table(Column("parent_id", ForeignKey("samples.id")))
    made = RowFactory(target, [], "0", {})
    rows, _ = made.rows(COUNT, [])
    links = {link["id"]: link["parent_id"] for link in made.linked(rows)}
    assert COUNT / 2 < len(links) < COUNT
    assert all(parent < child for child, parent in links.items())


def test_self_reference_in_composite_unique_constraint_stays_null() -> None:
    target = table(
        Column("parent_id", ForeignKey("samples.id")),
        Column("rank", Integer),
        UniqueConstraint("parent_id", "rank"),
    )
    made = RowFactory(target, [], "0", {})
    rows, _ = made.rows(COUNT, [])
    assert list(made.linked(rows)) == []


def test_required_self_reference_is_to_row_itself() -> None:
    target = table(Column("parent_id", ForeignKey("samples.id"), nullable=False))
    rows, _ = RowFactory(target, [], "0", {}).rows(COUNT, [])
    assert all(row["parent_id"] == row["id"] for row in rows)


def test_ids_are_ordered_in_time() -> None:
    rows, _ = RowFactory(table(), [], "0", {}).rows(COUNT, [])
    ids = [row["id"] for row in rows]
    assert ids == sorted(ids)
    assert {each.version for each in ids} == {7}
