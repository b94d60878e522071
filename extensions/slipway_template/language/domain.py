"""The domain: resources and their fields, as `parsing.py` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from .names import article, camel, member, spaced
from .patterns import matching
from .reserved import CLASSES, MODELS, VARIABLES

OPERATIONS = ("list", "create", "read", "update", "delete", "export")
ON_DELETE = ("restrict", "cascade", "set_null")
BOUNDS = ("ge", "gt", "le", "lt")
BITS = {"int": 31, "bigint": 63}
NUMBERS = frozenset({"int", "bigint", "float", "decimal"})
ORDERED = NUMBERS | {"date", "datetime", "time"}  # types whose lists are filtered by a range
UNINDEXED = frozenset({"text", "json"})
SAMPLES = 12  # texts of a pattern that tests and examples are filled with
STORED = {
    "str": "str",
    "text": "str",
    "email": "str",
    "url": "str",
    "int": "int",
    "bigint": "int",
    "float": "float",
    "decimal": "Decimal",
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "uuid": "UUID",
    "json": "dict[str, Any] | list[Any]",
    "ref": "UUID",
}  # what each type is in Python
MANY = 1_000  # values: more need not be counted


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a resource. What is None was not told; bounds and defaults have the field's type."""

    name: str
    type: str
    optional: bool = False
    index: bool = True
    unique: bool = False
    default: Any = None
    min_length: int = 0
    max_length: int = 0
    pattern: str | None = None
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    max_digits: int = 10
    decimal_places: int = 2
    values: tuple[str, ...] = ()
    to: str = ""
    on_delete: str = "restrict"
    was: str = ""

    @property
    def column(self) -> str:
        """The name of its column, and of what goes over the wire."""
        return f"{self.name}_id" if self.type == "ref" else self.name

    @property
    def former_column(self) -> str:
        """Return the previous name of its column; the present one if the field was not renamed."""
        return (f"{self.was}_id" if self.type == "ref" else self.was) if self.was else self.column

    @property
    def null(self) -> str:
        """What its annotations end in."""
        return " | None" if self.optional else ""

    @property
    def longest(self) -> int:
        """The characters that a text may have."""
        return self.max_length or (200 if self.type == "str" else 10_000)

    @property
    def step(self) -> Any:  # noqa: ANN401 - of the field's type
        """What lies between a value and the next; 0 where that cannot be said."""
        if self.type == "date":
            return timedelta(days=1)
        if self.type == "decimal":
            return Decimal(1).scaleb(-self.decimal_places)
        return 1 if self.type in BITS else 0

    @property
    def range(self) -> tuple[Any, Any]:
        """The least and the greatest value; None where there is no end."""
        least = self.ge if self.gt is None else self.gt + self.step
        greatest = self.le if self.lt is None else self.lt - self.step
        if self.type in BITS:
            end: Any = 1 << BITS[self.type]
        elif self.type == "decimal":
            end = Decimal(10) ** (self.max_digits - self.decimal_places)
        elif self.type == "date":
            return least or date.min, greatest or date.max
        else:
            return least, greatest
        lowest, highest = (-end, end - 1) if self.type in BITS else (self.step - end, end - self.step)
        return lowest if least is None else least, highest if greatest is None else greatest

    @property
    def room(self) -> int:
        """How many values it may take, as far as that matters."""
        if self.type in {"bool", "enum"}:
            return len(self.values) or 2
        if self.type == "str":
            return len(self.examples) if self.pattern else min(MANY, 10**self.longest)
        least, greatest = self.range if self.step else (None, None)
        return MANY if least is None or greatest is None else min(MANY, int((greatest - least) / self.step) + 1)

    @property
    def examples(self) -> tuple[str, ...]:
        """Some texts that match its pattern."""
        return matching(self.pattern, self.min_length, self.longest, SAMPLES) if self.pattern else ()

    @property
    def members(self) -> list[tuple[str, str]]:
        """The names and values of an enumeration's members."""
        return [(member(value), value) for value in self.values]

    @property
    def is_constrained(self) -> bool:
        """Whether its values are restricted beyond their type, so that a schema has a type of its own for it."""
        bounds = any(getattr(self, key) is not None for key in BOUNDS)
        return bool(self.min_length or self.pattern or bounds) or self.type in {"str", "text", "decimal"}

    @property
    def is_filtered(self) -> bool:
        """Whether lists are filtered by it."""
        return self.index and self.type not in UNINDEXED


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of thing that the service keeps; `unique` names fields that are unique together.

    `was` and `former_plural` are its previous names, in singular and plural, if it was renamed.
    """

    name: str
    plural: str
    description: str
    fields: tuple[Field, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    operations: tuple[str, ...] = OPERATIONS
    owner: bool = False
    soft_delete: bool = False
    was: str = ""
    former_plural: str = ""

    def field(self, name: str) -> Field:
        """Find a field by its name."""
        return next(field for field in self.fields if field.name == name)

    @property
    def references(self) -> tuple[Field, ...]:
        """The fields that refer to a resource."""
        return tuple(field for field in self.fields if field.type == "ref")

    @property
    def uniques(self) -> list[list[Field]]:
        """The fields, alone or together, of which no two rows have the same values."""
        alone = [[field] for field in self.fields if field.unique]
        return alone + [[self.field(name) for name in names] for names in self.unique]

    @property
    def label(self) -> Field | None:
        """The field by which people know one from another: the first line of text."""
        return next((field for field in self.fields if field.type == "str"), None)

    @property
    def class_name(self) -> str:
        """The class of its model; `SessionModel` where its modules import another class `Session`."""
        return f"{self.prefix}Model" if self.prefix in CLASSES | MODELS else self.prefix

    @property
    def prefix(self) -> str:
        """The first part of the names of its schemas."""
        return camel(self.name)

    @property
    def variable(self) -> str:
        """The name of one of them in code; `session_` where its modules use the name otherwise (PEP 8)."""
        return f"{self.name}_" if self.name in VARIABLES else self.name

    @property
    def alias(self) -> str:
        """The name by which other modules import its service."""
        hidden = {self.name, f"{self.name}_id", "client", "monkeypatch"}  # parameters of handlers and tests
        return f"{self.plural}_" if self.plural in VARIABLES | hidden else self.plural

    @property
    def path(self) -> str:
        """The last part of the path at which they are served."""
        return self.plural.replace("_", "-")

    def type_name(self, field: Field) -> str:
        """The name of the type that one of its fields may have of its own."""
        return f"{self.prefix}{camel(field.name)}"

    @property
    def phrase(self) -> str:
        """One of them, in words: `an order item`."""
        return article(spaced(self.name))


Resources = tuple[Resource, ...]


def find(resources: Resources, name: str) -> Resource:
    return next(resource for resource in resources if resource.name == name)
