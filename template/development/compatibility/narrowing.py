"""What one JSON schema admits and another does not, as far as descriptions of FastAPI's go.

Requests ask whether the new schema takes all that the old one took, answers whether the old one
foresaw all that the new one gives: one question, asked the other way round.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from typing import Any

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
MOST = {
    "exclusiveMaximum": "{} or more",
    "maxItems": "more than {} items",
    "maxLength": "more than {} characters",
    "maxProperties": "more than {} fields",
    "maximum": "more than {}",
}
LEAST = {
    "exclusiveMinimum": "{} or less",
    "minItems": "fewer than {} items",
    "minLength": "fewer than {} characters",
    "minProperties": "fewer than {} fields",
    "minimum": "less than {}",
}
EXACT = {
    "format": "what is no {}",
    "multipleOf": "what is no multiple of {}",
    "pattern": "what does not match {}",
    "uniqueItems": "the same item twice",
}
LISTED = ("allOf", "prefixItems")
KNOWN = {
    *("$ref", "additionalProperties", "anyOf", "const", "enum", "items", "oneOf", "properties"),
    *("required", "type", *MOST, *LEAST, *EXACT, *LISTED),
}
REMARKS = {
    *("$comment", "default", "deprecated", "description", "discriminator", "example", "examples"),
    *("externalDocs", "readOnly", "title", "writeOnly", "xml"),
}


@dataclass(frozen=True)
class Change:
    """What clients lose: where, in which way, and how they would keep it."""

    where: str
    what: str
    mend: str

    @property
    def line(self) -> str:
        """The change in a few words, by which it can be accepted."""
        return f"{self.where} {self.what}"

    def __str__(self) -> str:
        """Tell the change and its mend."""
        return f"{self.line} → {self.mend}"


def resolved(schema: Schema, document: Schema) -> Schema:
    """Follow a reference, which may have remarks of its own."""
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = document["components"]["schemas"][_name(schema)] | rest
    return schema


def alternatives(schema: Schema, document: Schema) -> Iterator[Schema]:
    """List the schemas of which a value has to follow one, each of one type or of any."""
    schema = resolved(schema, document)
    for either in ("anyOf", "oneOf"):
        if either in schema:
            for each in schema[either]:
                yield from alternatives(each, document)
            return
    if "const" in schema:
        schema = schema | {"enum": [schema["const"]]}
    types = schema.get("type")
    yield from [schema | {"type": each} for each in types] if isinstance(types, list) else [schema]


def _name(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _is_of(one: Schema, other: Schema) -> bool:
    types = (one.get("type"), other.get("type"))
    return types[1] in {None, types[0]} or types == ("integer", "number")


def _differs(key: str, one: Schema, other: Schema) -> bool:
    if key not in other or other[key] is False:
        return False
    if key not in one or key in EXACT:
        return bool(one.get(key) != other[key])
    return bool(one[key] > other[key] if key in MOST else one[key] < other[key])


class Narrowing:
    """Tells what one document admits and the other does not; of answers, the new one is the one."""

    def __init__(self, old: Schema, new: Schema, *, answers: bool) -> None:
        self.one, self.other = (new, old) if answers else (old, new)
        self.answers = answers
        self.known: dict[tuple[str, str], list[Change]] = {}

    def changes(self, old: Schema, new: Schema, where: str) -> list[Change]:
        """Compare a schema of the old document with one of the new document."""
        return self._between(*((new, old) if self.answers else (old, new)), where)

    def _between(self, one: Schema, other: Schema, where: str) -> list[Change]:
        """Compare two schemas; those with names only once, though they may hold themselves."""
        names = (_name(one), _name(other))
        if not all(names):
            return list(self._options(one, other, where))
        if names not in self.known:
            self.known[names] = []
            self.known[names] = list(self._options(one, other, names[self.answers]))
        return self.known[names]

    def _options(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        """Find for each alternative of one schema the nearest of the other."""
        options = list(alternatives(other, self.other))
        for each in alternatives(one, self.one):
            near = [option for option in options if _is_of(each, option)]
            found = [list(self._differences(each, option, where)) for option in near]
            yield from min(found, key=len) if found else [self._lost(where, _kind(each))]

    def _differences(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        yield from self._values(one, other, where)
        yield from self._fields(one, other, where)
        yield from self._others(one, other, where)
        if "items" in other:
            yield from self._between(one.get("items", {}), other["items"], f"{where}[]")

    def _values(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        if "enum" in other:
            kept = [dumps(value, ensure_ascii=False) for value in other["enum"]]
            values = [dumps(value, ensure_ascii=False) for value in one.get("enum", [])]
            lost = [value for value in values if value not in kept]
            lost = lost if "enum" in one else [f"anything but {', '.join(kept)}"]
            yield from (self._lost(where, value) for value in lost)
        elif "enum" not in one:
            for key, words in (MOST | LEAST | EXACT).items():
                if _differs(key, one, other):
                    yield self._lost(where, words.format(other[key]))

    def _fields(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        old, new = (other, one) if self.answers else (one, other)
        fields, kept = old.get("properties", {}), new.get("properties", {})
        for name in sorted(fields):
            if name not in kept:
                yield gone(f"{where}.{name}")
            else:
                pair = (kept, fields) if self.answers else (fields, kept)
                yield from self._between(pair[0][name], pair[1][name], f"{where}.{name}")
        for name in sorted({*other.get("required", [])} - {*one.get("required", [])}):
            if name in kept:
                yield self._optional(f"{where}.{name}")
        yield from self._further(one, other, where)

    def _further(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        """Compare what is said of fields without a name of their own."""
        mine, theirs = (each.get("additionalProperties", True) for each in (one, other))
        if isinstance(theirs, dict) and mine is not False:
            yield from self._between({} if mine is True else mine, theirs, f"{where}.*")
        elif theirs is False and mine is not False and not self.answers:
            yield self._lost(where, "fields that it does not know")

    def _others(self, one: Schema, other: Schema, where: str) -> Iterator[Change]:
        for key in LISTED:
            pair = (one.get(key, []), other.get(key, []))
            if len(pair[0]) == len(pair[1]):
                for mine, theirs in zip(*pair, strict=True):
                    yield from self._between(mine, theirs, where)
            else:
                yield _unknown(where, key)
        for key in sorted((one.keys() | other.keys()) - KNOWN - REMARKS):
            if one.get(key) != other.get(key):
                yield _unknown(where, key)

    def _lost(self, where: str, what: str) -> Change:
        if self.answers:
            return Change(where, f"may now be {what}", "give what is new in a field of its own")
        return Change(where, f"no longer takes {what}", "go on taking it")

    def _optional(self, where: str) -> Change:
        if self.answers:
            return Change(where, "may now be missing", "go on giving it")
        return required(where)


def _kind(schema: Schema) -> str:
    return TYPES.get(schema.get("type", ""), "anything")


def _unknown(where: str, key: str) -> Change:
    return Change(where, f"has another `{key}`", "nobody but you can tell what that means")


def gone(where: str) -> Change:
    """Tell that something is there no more."""
    return Change(where, "is gone", "keep it, marked as deprecated")


def required(where: str) -> Change:
    """Tell that something has to be sent that had not."""
    return Change(where, "is now required", "give it a default")
