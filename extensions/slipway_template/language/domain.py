"""Data classes for the declared resources and their fields, which `parsing.py` creates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from .names import article, camel, spaced
from .patterns import matching
from .reserved import CLASSES, MODELS, VARIABLES

OPERATIONS = ("list", "create", "read", "update", "delete", "export")
READERS = ("public", "signed_in", "permission")
ON_DELETE = ("restrict", "cascade", "set_null")
BOUNDS = ("ge", "gt", "le", "lt")
BITS = {"int": 31, "bigint": 63}
NUMBERS = frozenset({"int", "bigint", "float", "decimal"})
ORDERED = NUMBERS | {"date", "datetime", "time"}  # types with range filters
UNINDEXED = frozenset({"text", "json"})
SAMPLES = 12  # texts per pattern, as values of tests and examples
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
}  # the Python type of each field type
MANY = 1_000  # values: counting stops here


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a declared resource, with its type, options and previous name.

    Bounds and defaults are None if omitted, otherwise values of the field's type.
    """

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
    member_names: tuple[str, ...] = ()
    to: str = ""
    on_delete: str = "restrict"
    was: str = ""

    @property
    def column(self) -> str:
        """The name of the field's column, which is also its name in JSON."""
        return f"{self.name}_id" if self.type == "ref" else self.name

    @property
    def former_column(self) -> str:
        """The column's name before a rename, or its current name if the field was not renamed."""
        return (f"{self.was}_id" if self.type == "ref" else self.was) if self.was else self.column

    @property
    def null(self) -> str:
        """The suffix of the field's type annotations: ` | None` if the field is optional, otherwise empty."""
        return " | None" if self.optional else ""

    @property
    def longest(self) -> int:
        """The maximum number of characters in a text."""
        return self.max_length or (200 if self.type == "str" else 10_000)

    @property
    def step(self) -> Any:  # noqa: ANN401 - of the field's type
        """The distance between consecutive values of the field, or 0 if its type is not discrete."""
        if self.type == "date":
            return timedelta(days=1)
        if self.type == "decimal":
            return Decimal(1).scaleb(-self.decimal_places)
        return 1 if self.type in BITS else 0

    @property
    def range(self) -> tuple[Any, Any]:
        """The smallest and the largest value of the field; None where it has no bound."""
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
        """The number of different values that the field can have, capped at `MANY`."""
        if self.type in {"bool", "enum"}:
            return len(self.values) or 2
        if self.type == "str":
            return len(self.examples) if self.pattern else min(MANY, 10**self.longest)
        least, greatest = self.range if self.step else (None, None)
        return MANY if least is None or greatest is None else min(MANY, int((greatest - least) / self.step) + 1)

    @property
    def examples(self) -> tuple[str, ...]:
        """Up to `SAMPLES` texts that match the field's regular expression."""
        return matching(self.pattern, self.min_length, self.longest, SAMPLES) if self.pattern else ()

    @property
    def members(self) -> list[tuple[str, str]]:
        """The name and the value of each member of an enumeration field."""
        return list(zip(self.member_names, self.values, strict=True))

    @property
    def is_constrained(self) -> bool:
        """Whether the field has constraints such as a length, a pattern or bounds.

        The schemas define an annotated type for such a field.
        """
        bounds = any(getattr(self, key) is not None for key in BOUNDS)
        return bool(self.min_length or self.pattern or bounds) or self.type in {"str", "text", "decimal"}

    @property
    def is_filtered(self) -> bool:
        """Whether clients can filter lists by this field."""
        return self.index and self.type not in UNINDEXED


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A declared resource, from which a table and routes are generated.

    `unique` holds the constraints over several fields.

    `read` is one of `READERS`, or empty if it is not declared.

    `was` and `former_plural` are its previous singular and plural, if it was renamed.
    """

    name: str
    plural: str
    description: str
    fields: tuple[Field, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    operations: tuple[str, ...] = OPERATIONS
    read: str = ""
    owner: bool = False
    soft_delete: bool = False
    was: str = ""
    former_plural: str = ""

    def field(self, name: str) -> Field:
        """Return the resource's field with the given name."""
        return next(field for field in self.fields if field.name == name)

    @property
    def references(self) -> tuple[Field, ...]:
        """The resource's fields that are foreign keys."""
        return tuple(field for field in self.fields if field.type == "ref")

    @property
    def uniques(self) -> list[list[Field]]:
        """The fields of each unique constraint, with constraints of a single field first."""
        alone = [[field] for field in self.fields if field.unique]
        return alone + [[self.field(name) for name in names] for names in self.unique]

    @property
    def label(self) -> Field | None:
        """The first `str` field, whose value names a row wherever another resource references it."""
        return next((field for field in self.fields if field.type == "str"), None)

    @property
    def class_name(self) -> str:
        """The name of the model's class, with the suffix `Model` if modules import another class of that name."""
        return f"{self.prefix}Model" if self.prefix in CLASSES | MODELS else self.prefix

    @property
    def prefix(self) -> str:
        """The prefix with which the resource's schema classes begin."""
        return camel(self.name)

    @property
    def variable(self) -> str:
        """The name of a variable for one row, with a trailing underscore if modules already use that name."""
        return f"{self.name}_" if self.name in VARIABLES else self.name

    @property
    def alias(self) -> str:
        """The name under which other modules import the service module of this resource."""
        hidden = {self.name, f"{self.name}_id", "client", "monkeypatch"}  # parameters of handlers and tests
        return f"{self.plural}_" if self.plural in VARIABLES | hidden else self.plural

    @property
    def path(self) -> str:
        """The last segment of the resource's URL path."""
        return self.plural.replace("_", "-")

    def type_name(self, field: Field) -> str:
        """Return the name of the type generated for a field, such as an enumeration's class."""
        return f"{self.prefix}{camel(field.name)}"

    @property
    def phrase(self) -> str:
        """The resource's name with an indefinite article, such as `an order item`."""
        return article(spaced(self.name))


Resources = tuple[Resource, ...]


def find(resources: Resources, name: str) -> Resource:
    """Return the resource with the given name."""
    return next(resource for resource in resources if resource.name == name)
