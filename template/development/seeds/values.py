"""Plausible values of fields, within the constraints of their schema."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import chain
from random import Random
from string import ascii_letters, digits
from typing import Any, ClassVar, get_origin
from uuid import UUID

from faker import Faker
from polyfactory.factories.pydantic_factory import ModelFactory
from polyfactory.field_meta import FieldMeta
from polyfactory.utils.predicates import is_optional
from polyfactory.value_generators.regex import RegexFactory
from pydantic import AwareDatetime, BaseModel, EmailStr, HttpUrl

from app.schemas.base import LINE, TEXT
from development.seeds.vocabulary import (
    CODES,
    KINDS,
    PERSONAL,
    PROSE,
    RANGES,
    TEXTS,
    USUAL_RANGE,
    endings,
)

EXAMPLES = 0.5  # proportion of values from `examples`, after several failed attempts
FILLED = 0.8  # proportion of optional fields that have a value
START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
BIRTH = timedelta(days=50 * 365)  # before `START`
MIN_PROSE = 200  # maximum length from which a text consists of sentences
CROWDED_WIDTH = 20  # further periods for unique dates, after several failed attempts
MANY = 1_000_000  # numbers for a unique field
COLUMN_BOUND = 1 << 31  # a bound of the column, which says nothing about usual numbers
FLOAT_PLACES = 1

Bounds = Mapping[str, Any]


class PatternFactory(RegexFactory):
    """Generator of texts that match a pattern, with letters and digits for negated sets.

    Polyfactory's order of negated sets differs between processes (`PYTHONHASHSEED`).
    """

    def __init__(self, random: Random) -> None:
        """Replace the generators of `[^x]` and `[^xy]`."""
        super().__init__(random)
        self._cases |= {"not_literal": lambda code: self._other_than([chr(code)])}

    def _handle_in(self, value: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as in Polyfactory
        candidates = list(chain(*(self._handle_state(each) for each in value)))
        is_negated = candidates[0] is False
        return self._other_than(candidates) if is_negated else self._random.choice(candidates)

    def _other_than(self, excluded: list[Any]) -> str:
        return self._random.choice(
            [each for each in ascii_letters + digits if each not in excluded]
        )


class PlausibleFactory(ModelFactory[BaseModel]):
    """Factory of a schema's instances, with values by Faker for known names of fields."""

    __is_base_factory__ = True
    __faker__ = Faker("en_US")  # shared, since its creation takes long
    distinct: ClassVar[frozenset[str]] = frozenset()  # fields of unique constraints
    is_person: ClassVar[bool] = False
    is_crowded: ClassVar[bool] = False  # several attempts failed: texts of `distinct` get a number

    @classmethod
    def should_set_none_value(cls, field_meta: FieldMeta) -> bool:
        """Return whether an optional field is null, which is less frequent than a value."""
        return is_optional(field_meta.annotation) and cls.__random__.random() > FILLED

    @classmethod
    def get_field_value(
        cls,
        field_meta: FieldMeta,
        field_build_parameters: Any = None,  # noqa: ANN401 - as in Polyfactory
        build_context: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Return a plausible value of a field; Polyfactory generates those of other types."""
        cls.__faker__.factories[0].random = cls.__random__
        examples = field_meta.examples
        if examples and cls.is_crowded and cls.__random__.random() < EXAMPLES:
            return cls.__random__.choice(examples)
        value = cls._plausible(field_meta, {**(field_meta.constraints or {})})
        if value is None:
            return super().get_field_value(field_meta, field_build_parameters, build_context)
        return value

    @classmethod
    def _plausible(cls, field_meta: FieldMeta, bounds: Bounds) -> object:
        """Return a value of a known type, or None."""
        kind, name = field_meta.annotation, field_meta.name
        value: object = None
        if {get_origin(child.annotation) for child in field_meta.children or ()} == {dict, list}:
            value = cls._json(field_meta.default)
        elif not isinstance(kind, type) or issubclass(kind, bool | Enum):
            value = None
        elif issubclass(kind, str):
            pattern = bounds.get("pattern", TEXT)
            is_free = pattern in (LINE, TEXT)
            value = cls._text(name, bounds) if is_free else cls._matching(pattern, field_meta)
        elif issubclass(kind, int | float | Decimal):
            value = cls._number(kind, name, bounds)
        elif issubclass(kind, date | AwareDatetime):
            moment = cls._moment(name, bounds)
            value = moment.date() if kind is date else moment
        else:
            value = cls._other(kind)
        return value

    @classmethod
    def _other(cls, kind: type) -> object:
        random, faker = cls.__random__, cls.__faker__
        if issubclass(kind, EmailStr):
            return f"{faker.user_name()}{random.randrange(1000)}@example.com"
        if issubclass(kind, HttpUrl):
            return f"https://example.com/{faker.slug()}"
        if issubclass(kind, UUID):
            return UUID(int=random.getrandbits(128), version=4)
        if issubclass(kind, time):
            hour, quarter = divmod(random.randrange(24 * 4), 4)
            return time(hour, quarter * 15)
        return None

    @classmethod
    def _json(cls, default: object) -> object:
        words = cls.__faker__.words(cls.__random__.randint(1, 4), unique=True)
        return words if default is list else dict.fromkeys(words, True)

    @classmethod
    def _matching(cls, pattern: str, field_meta: FieldMeta) -> object:
        """Return text that matches a pattern; an example if Python cannot parse Rust's syntax."""
        try:
            return PatternFactory(cls.__random__)(pattern)
        except (re.error, KeyError, IndexError):
            if not field_meta.examples:
                message = f"{field_meta.name}: the pattern is unknown. Add `examples` to the field."
                raise ValueError(message) from None
            return cls.__random__.choice(field_meta.examples)

    @classmethod
    def _text(cls, name: str, bounds: Bounds) -> str:
        least, most = bounds.get("min_length", 0), bounds.get("max_length", MIN_PROSE)
        text = cls._words(name, most)
        while len(text) < least:
            text = f"{text} {cls.__faker__.sentence(3)}"
        if cls.is_crowded and name in cls.distinct:
            suffix = f" {cls.__random__.randrange(1, 10_000)}"
            text = f"{text[: max(most - len(suffix), 0)]}{suffix}".strip()
        return text[:most].rstrip() if len(text[:most].rstrip()) >= least else text[:most]

    @classmethod
    def _words(cls, name: str, most: int) -> str:
        faker = cls.__faker__
        for ending in endings(name):
            if ending in CODES:
                return faker.bothify("??-#####"[-most:], letters="ABCDEFGHJKLMNPQRSTUVWXYZ")
            if ending in PROSE:
                return faker.paragraph() if most >= MIN_PROSE else faker.sentence(6)
            if ending in TEXTS:
                method = "name" if ending == "name" and cls.is_person else TEXTS[ending]
                return str(getattr(faker, method)())
        if name in cls.distinct:
            return " ".join(faker.words(2)).capitalize()
        return str(cls.__random__.choice(KINDS))

    @classmethod
    def _number(cls, kind: type, name: str, bounds: Bounds) -> object:
        usual = next((RANGES[each] for each in endings(name) if each in RANGES), USUAL_RANGE)
        places = 0 if issubclass(kind, int) else bounds.get("decimal_places", _places(bounds))
        step = Decimal(1).scaleb(-places)
        low, high = _limits(bounds, step, places)
        start = Decimal(usual[0])
        width = MANY if name in cls.distinct else usual[1] - usual[0]
        if low is not None and low > start:
            start = low
        elif high is not None and high < start:
            start = high - width if low is None else low
        if cls.is_crowded and name in cls.distinct:
            start = start - width if low is None else low
            width *= 2
        end = start + width if high is None else min(start + width, high)
        count = int((end - start) / step)
        return kind(start + step * cls.__random__.randint(0, max(count, 0)))

    @classmethod
    def _moment(cls, name: str, bounds: Bounds) -> datetime:
        is_birth = bool({"birth", "birthday", "born"} & set(name.split("_")))
        start, end = (START - BIRTH, START - BIRTH / 3) if is_birth else (START, END)
        if cls.is_crowded and name in cls.distinct:
            end += CROWDED_WIDTH * (end - start)
        width = end - start
        low = _moment(bounds.get("ge") or bounds.get("gt"))
        high = _moment(bounds.get("le") or bounds.get("lt"))
        if low and (low >= start or (high and high < start)):
            start = low + timedelta(days="gt" in bounds)
        if start >= end:
            end = start + min(width, LAST - start)
        if high and high <= end:
            end = high - timedelta(days="lt" in bounds)
        if start > end and low is None:
            start = end - min(width, end - FIRST)
        minutes = max(int((end - start) / timedelta(minutes=1)), 0)
        return start + timedelta(minutes=cls.__random__.randint(0, minutes))


def _places(bounds: Bounds) -> int:
    """Return decimal places that suffice for ten numbers in the bounds."""
    limits = [Decimal(str(bounds[key])) for key in ("ge", "gt", "le", "lt") if key in bounds]
    span = max(limits, default=Decimal(1)) - min(limits, default=Decimal(0))
    return max(FLOAT_PLACES, FLOAT_PLACES - span.adjusted()) if span else FLOAT_PLACES


def _limits(bounds: Bounds, step: Decimal, places: int) -> tuple[Decimal | None, Decimal | None]:
    """Return the least and the greatest number in the bounds, if they are narrow."""
    lows = [Decimal(str(bounds["ge"]))] if "ge" in bounds else []
    lows += [Decimal(str(bounds["gt"])) + step] if "gt" in bounds else []
    highs = [Decimal(str(bounds["le"]))] if "le" in bounds else []
    highs += [Decimal(str(bounds["lt"])) - step] if "lt" in bounds else []
    if "max_digits" in bounds:
        limit = Decimal(10) ** (bounds["max_digits"] - places) - step
        lows, highs = [*lows, -limit], [*highs, limit]
    low = max((each for each in lows if each > -COLUMN_BOUND), default=None)
    high = min((each for each in highs if each < COLUMN_BOUND - 1), default=None)
    return low, high


def _moment(value: date | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.combine(value, time(), UTC)


def stream(key: str) -> Random:
    """Return a stream of random values that depends on the key only."""
    return Random(key)  # noqa: S311 - no secrets


def factory(schema: type[BaseModel], key: str, distinct: frozenset[str]) -> type[PlausibleFactory]:
    """Return the factory of a schema, whose values depend on the key only."""
    variables = {
        "__model__": schema,
        "__random__": stream(f"{key} values"),
        "distinct": distinct,
        "is_person": not PERSONAL.isdisjoint(schema.model_fields),
    }
    return type(f"{schema.__name__}Factory", (PlausibleFactory,), variables)
