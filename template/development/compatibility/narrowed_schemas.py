"""Comparison of JSON schemas: finds values that one schema accepts and another rejects.

A request breaks clients if the new schema rejects values that the old one accepted; a response, if
the new schema allows values that the old one did not. This is one comparison, in two directions.
Supported are the keywords that FastAPI generates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from typing import Any

from app.openapi import JSON_TYPES

Schema = dict[str, Any]

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
UPPER_BOUNDS = {
    "exclusiveMaximum": "{} or more",
    "maxItems": "more than {} items",
    "maxLength": "more than {} characters",
    "maxProperties": "more than {} fields",
    "maximum": "more than {}",
}
LOWER_BOUNDS = {
    "exclusiveMinimum": "{} or less",
    "minItems": "fewer than {} items",
    "minLength": "fewer than {} characters",
    "minProperties": "fewer than {} fields",
    "minimum": "less than {}",
}
EXACT_KEYWORDS = {
    "format": "text that is not a {}",
    "multipleOf": "numbers that are not multiples of {}",
    "pattern": "text that does not match {}",
    "uniqueItems": "duplicate items",
}
HINTS = {"decimal", "double", "float", "int32", "int64"}  # formats that reject no value
LISTS = ("allOf", "prefixItems")
SUPPORTED = {
    JSON_TYPES,
    *("$ref", "additionalProperties", "anyOf", "const", "enum", "items", "oneOf", "properties"),
    *("required", "type", *UPPER_BOUNDS, *LOWER_BOUNDS, *EXACT_KEYWORDS, *LISTS),
}
ANNOTATIONS = {
    *("$comment", "default", "deprecated", "description", "discriminator", "example", "examples"),
    *("externalDocs", "readOnly", "title", "writeOnly", "xml"),
}


@dataclass(frozen=True)
class Change:
    """A breaking change of the API: its place, what changed, and how to fix it."""

    where: str
    what: str
    fix: str

    @property
    def line(self) -> str:
        """The line that accepts the change in `api-breaks.txt`."""
        return f"{self.where} {self.what}"

    def __str__(self) -> str:
        """Return the text of the change and its fix."""
        return f"{self.line} → {self.fix}"


def resolved(schema: Schema, document: Schema) -> Schema:
    """Resolve the `$ref` of a schema; annotations beside it take precedence."""
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = document["components"]["schemas"][_name(schema)] | rest
    return schema


def alternatives(schema: Schema, document: Schema) -> Iterator[Schema]:
    """Yield a schema's alternatives (`anyOf`, `oneOf`, list of types).

    Each alternative has one JSON type, or none, which means any type.
    """
    schema = resolved(schema, document)
    for either in ("anyOf", "oneOf"):
        if either in schema:
            for each in schema[either]:
                yield from alternatives(each, document)
            return
    if "const" in schema:
        schema = schema | {"enum": [schema["const"]]}
    types = schema.get(JSON_TYPES, schema.get("type"))
    yield from [schema | {"type": each} for each in types] if isinstance(types, list) else [schema]


def _name(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _has_type(one: Schema, other: Schema) -> bool:
    types = (one.get("type"), other.get("type"))
    return types[1] in {None, types[0]} or types == ("integer", "number")


def _differs(key: str, one: Schema, other: Schema) -> bool:
    if key not in other or other[key] is False:
        return False
    if key == "format" and other[key] in HINTS:
        return False
    if key not in one or key in EXACT_KEYWORDS:
        return bool(one.get(key) != other[key])
    return bool(one[key] > other[key] if key in UPPER_BOUNDS else one[key] < other[key])


class Narrowing:
    """Comparison of schemas of two OpenAPI documents, for requests or for responses.

    A new request schema must accept every value of the old one. An old response schema must accept
    every value of the new one.
    """

    def __init__(self, old: Schema, new: Schema, *, responses: bool) -> None:
        self.one, self.other = (new, old) if responses else (old, new)
        self.responses = responses
        self.compared: dict[tuple[str, str], list[Change]] = {}

    def changes(self, old: Schema, new: Schema, where: str) -> list[Change]:
        """Return the breaking changes between a schema of the old document and one of the new."""
        return self._between(*((new, old) if self.responses else (old, new)), where)

    def _between(self, one: Schema, other: Schema, where: str) -> list[Change]:
        """Return the breaking changes between two schemas.

        Named schemas may be recursive, so each pair of them is compared only once.
        """
        names = (_name(one), _name(other))
        if not all(names):
            return list(self._options(one, other, where))
        if names not in self.compared:
            self.compared[names] = []
            self.compared[names] = list(self._options(one, other, names[self.responses]))
        return self.compared[names]

    def _options(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        """Compare each alternative of one schema with the most similar alternative of the other."""
        options = list(alternatives(other, self.other))
        for each in alternatives(one, self.one):
            same = [option for option in options if _has_type(each, option)]
            differences = [list(self._differences(each, option, where)) for option in same]
            if differences:
                yield from min(differences, key=len)
            else:
                yield self._rejected(where, _kind(each))

    def _differences(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        yield from self._values(one, other, where)
        yield from self._fields(one, other, where)
        yield from self._others(one, other, where)
        if "items" in other:
            yield from self._between(one.get("items", {}), other["items"], f"{where}[]")

    def _values(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        if "enum" in other:
            accepted = [dumps(value, ensure_ascii=False) for value in other["enum"]]
            values = [dumps(value, ensure_ascii=False) for value in one.get("enum", [])]
            rejected = [value for value in values if value not in accepted]
            rejected = rejected if "enum" in one else [f"anything but {', '.join(accepted)}"]
            yield from (self._rejected(where, value) for value in rejected)
        elif "enum" not in one:
            for key, words in (UPPER_BOUNDS | LOWER_BOUNDS | EXACT_KEYWORDS).items():
                if _differs(key, one, other):
                    yield self._rejected(where, words.format(other[key]))

    def _fields(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        old, new = (other, one) if self.responses else (one, other)
        fields, present = old.get("properties", {}), new.get("properties", {})
        for name in sorted(fields):
            if name not in present:
                yield removed(f"{where}.{name}")
            else:
                pair = (present, fields) if self.responses else (fields, present)
                yield from self._between(pair[0][name], pair[1][name], f"{where}.{name}")
        for name in sorted({*other.get("required", [])} - {*one.get("required", [])}):
            if name in present:
                yield self._optional(f"{where}.{name}")
        yield from self._further(one, other, where)

    def _further(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        """Compare the schemas of undeclared fields (`additionalProperties`)."""
        mine, theirs = (each.get("additionalProperties", True) for each in (one, other))
        if isinstance(theirs, dict) and mine is not False:
            yield from self._between({} if mine is True else mine, theirs, f"{where}.*")
        elif theirs is False and mine is not False and not self.responses:
            yield self._rejected(where, "unknown fields")

    def _others(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        for key in LISTS:
            pair = (one.get(key, []), other.get(key, []))
            if len(pair[0]) == len(pair[1]):
                for mine, theirs in zip(*pair, strict=True):
                    yield from self._between(mine, theirs, where)
            else:
                yield _unknown(where, key)
        for key in sorted((one.keys() | other.keys()) - SUPPORTED - ANNOTATIONS):
            if one.get(key) != other.get(key):
                yield _unknown(where, key)

    def _rejected(self, where: str, what: str) -> Change:
        if self.responses:
            return Change(where, f"may now be {what}", "return the new values in a new field")
        return Change(where, f"no longer accepts {what}", "keep accepting it")

    def _optional(self, where: str) -> Change:
        if self.responses:
            return Change(where, "may now be missing", "keep returning it")
        return required(where)


def _kind(schema: Schema) -> str:
    return TYPES.get(schema.get("type", ""), "anything")


def _unknown(where: str, key: str) -> Change:
    return Change(where, f"has a different `{key}`", "check whether clients depend on it")


def removed(where: str) -> Change:
    """Return a breaking change: a part of the API was removed."""
    return Change(where, "was removed", "keep it, marked as deprecated")


def required(where: str) -> Change:
    """Return a breaking change: a parameter or field became required."""
    return Change(where, "is now required", "give it a default")
