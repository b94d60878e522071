"""The JSON Schema of the resource language, generated from the parser's tables of types and options.

Regenerate it: `uv run python -m tests.harness.combinations.resource_schema > resources.schema.json`
"""

from __future__ import annotations

import json
from typing import Any

from extensions.slipway_template.language.domain import NUMBERS, ON_DELETE, OPERATIONS, READERS
from extensions.slipway_template.language.names import LONGEST_MEMBER
from extensions.slipway_template.language.parsing import EVERYWHERE, FIELDS, MOST_DIGITS, RESOURCES, TYPES
from extensions.slipway_template.language.reserved import LONGEST
from extensions.slipway_template.language.values import LONGEST as WIDTHS
from extensions.slipway_template.language.values import VALUES

Schema = dict[str, Any]

NAME = "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
DATE = {"type": "string", "format": "date"}
WHOLE = {"type": "integer"}
EXACT = {"type": ["number", "string"]}
BOUND: dict[str, Schema] = {"int": WHOLE, "bigint": WHOLE, "float": {"type": "number"}, "decimal": EXACT, "date": DATE}
DEFAULT: dict[str, Schema] = BOUND | {
    "bool": {"type": "boolean"},
    "json": {"enum": [{}, []]},
    "str": {"type": "string"},
    "text": {"type": "string"},
    "enum": {"type": "string"},
}
MEANINGS = {
    "str": "One line of text.",
    "text": "Text of several lines.",
    "int": "An integer of 32 bits.",
    "bigint": "An integer of 64 bits.",
    "float": "A floating-point number of 64 bits.",
    "decimal": "An exact decimal number.",
    "bool": "True or false.",
    "date": "A date.",
    "datetime": "A point in time, in UTC.",
    "time": "A time of day.",
    "uuid": "A UUID.",
    "json": "A JSON object or array.",
    "enum": "One of the given `values`.",
    "email": "An e-mail address.",
    "url": "An HTTP or HTTPS URL.",
    "ref": "A foreign key: a row of another resource, or of the same one.",
}


def former(kind: str, description: str) -> Schema:
    """Return the JSON Schema of a field's `was`, which is the field's previous name."""
    return {"type": "string", "pattern": NAME, "maxLength": LONGEST[kind], "description": description}


def former_resource() -> Schema:
    """Return the JSON Schema of a resource's `was`, which is the previous name with an optional plural."""
    names = {name: former("name", f"The previous {name}.") for name in ("name", "plural")}
    mapping = {"type": "object", "properties": names, "required": ["name"], "additionalProperties": False}
    return {"oneOf": [former("name", "The previous name of the resource, which was renamed."), mapping]}


def key(kind: str, name: str) -> Schema:
    """Return the schema of one option of a field type, such as `max_length` of `str`."""
    longest = WIDTHS["str" if kind == "str" else "text"]
    described: dict[str, Schema] = {
        "optional": {"type": "boolean", "description": "Whether requests may omit the field or send null."},
        "unique": {"type": "boolean", "description": "Whether each value occurs only once."},
        "index": {"type": "boolean", "description": "Whether lists filter and sort by the field (default: true)."},
        "min_length": {"type": "integer", "minimum": 0, "maximum": longest},
        "max_length": {"type": "integer", "minimum": 1, "maximum": longest},
        "pattern": {"type": "string", "format": "regex", "pattern": r"^\^.*\$$"},
        "max_digits": {"type": "integer", "minimum": 1, "maximum": MOST_DIGITS},
        "decimal_places": {"type": "integer", "minimum": 0, "maximum": MOST_DIGITS},
        "values": {
            "oneOf": [
                {
                    "type": "array",
                    "items": {"type": "string", "maxLength": WIDTHS["value"]},
                    "minItems": 1,
                    "maxItems": VALUES,
                    "uniqueItems": True,
                },
                {
                    "type": "object",
                    "description": "Each value with the name of its member in Python.",
                    "propertyNames": {"maxLength": WIDTHS["value"]},
                    "additionalProperties": {"type": "string", "pattern": NAME, "maxLength": LONGEST_MEMBER},
                    "minProperties": 1,
                    "maxProperties": VALUES,
                },
            ],
        },
        "to": {"type": "string", "pattern": NAME, "description": "The name of the referenced resource."},
        "was": former("field", "The previous name of the field, which was renamed."),
        "on_delete": {"enum": list(ON_DELETE), "description": "The action when the referenced row is deleted."},
        "default": DEFAULT.get(kind, {}),
    }
    return described[name] if name in described else BOUND[kind]


def field(kind: str) -> Schema:
    """Return the schema of a field in its long form, a mapping of options."""
    needed = {"enum": ["values"], "ref": ["to"]}.get(kind, [])
    keys = {name: key(kind, name) for name in (*TYPES[kind], *EVERYWHERE) if name != "type"}
    names = [kind] if "optional" not in keys else [kind, f"{kind}?"]
    return {
        "type": "object",
        "description": MEANINGS[kind],
        "properties": {"type": {"enum": names}} | keys,
        "required": ["type", *needed],
        "additionalProperties": False,
    }


def fields() -> Schema:
    """Return the schema of a resource's fields, each a short string or a mapping."""
    short = [each for kind in TYPES if kind not in {"enum", "ref"} for each in (kind, f"{kind}?")]
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME, "maxLength": LONGEST["field"]},
        "additionalProperties": {"oneOf": [{"enum": short}, *(field(kind) for kind in TYPES)]},
        "minProperties": 1,
        "maxProperties": FIELDS,
    }


def flag(description: str) -> Schema:
    """Return the schema of an option that is true or false."""
    return {"type": "boolean", "description": description}


def options() -> Schema:
    """Return the schema of each option of a resource, by name."""
    return {
        "name": {"type": "string", "pattern": NAME, "maxLength": LONGEST["name"], "description": "A singular noun."},
        "plural": {"type": "string", "pattern": NAME, "maxLength": LONGEST["name"]},
        "was": former_resource(),
        "description": {
            "type": "string",
            "maxLength": WIDTHS["description"],
            "description": "A noun phrase that describes one row.",
        },
        "fields": fields(),
        "unique": {
            "type": "array",
            "description": "Lists of fields whose combined values occur only once.",
            "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        },
        "operations": {
            "type": "array",
            "description": "The operations of the API (default: all).",
            "items": {"enum": list(OPERATIONS)},
            "minItems": 1,
            "uniqueItems": True,
        },
        "read": {
            "enum": list(READERS),
            "description": "Who reads it: everyone, every account (default), or accounts with a permission.",
        },
        "owner": flag("Whether each row belongs to the user who created it. Services without accounts ignore it."),
        "soft_delete": flag("Whether deleted rows stay in the database, with a time of deletion."),
    }


def resource() -> Schema:
    """Return the schema of a declared resource."""
    return {
        "type": "object",
        "properties": options(),
        "required": ["name", "fields"],
        "additionalProperties": False,
    }


def schema() -> Schema:
    """Return the schema of an answers file with `resources`."""
    assert set(BOUND) == NUMBERS | {"date"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The domain of a service made by Slipway",
        "type": "object",
        "properties": {"resources": {"type": "array", "items": resource(), "maxItems": RESOURCES}},
        "required": ["resources"],
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))  # noqa: T201
