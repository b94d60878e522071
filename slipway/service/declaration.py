"""Parse the command-line arguments of `slipway add` into declarations of resources and fields.

    field   = name ":" type mark options
    type    = str | text | int | … | ref | enum            as in resources.schema.json of the service's version
    mark    = "" | "!" (required, as without it) | "?" (optional)
    options = { ":" option } | "(" option { "," option } ")"
    option  = flag | key "=" value

The first option of an enum may be its values, `status:enum:draft,paid` or `status:enum[draft,paid]`, and that of a
reference the resource, `buyer:ref:customer`; `customer:ref` and `ref:customer` reference the resource of that name. The
form with colons needs no quotes in a shell.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml

from slipway.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FIELD = "a field is NAME:TYPE, such as title:str, note:text? or status:enum:draft,paid"
OPENING, CLOSING, QUOTES = "([{", ")]}", "'\""
NEGATED = {"required": ("optional", False), "noindex": ("index", False)}
# Names of types in SQL, Python and other generators, such as Rails'.
ALIASES = {
    "belongs_to": "ref",
    "blob": "text",
    "boolean": "bool",
    "char": "str",
    "choice": "enum",
    "choices": "enum",
    "dict": "json",
    "double": "float",
    "fk": "ref",
    "foreign_key": "ref",
    "guid": "uuid",
    "integer": "int",
    "jsonb": "json",
    "long": "bigint",
    "map": "json",
    "money": "decimal",
    "number": "decimal",
    "numeric": "decimal",
    "real": "float",
    "reference": "ref",
    "references": "ref",
    "string": "str",
    "timestamp": "datetime",
    "uri": "url",
    "utc_datetime": "datetime",
    "varchar": "str",
}


@dataclass(frozen=True)
class Language:
    """The field types and options that a template version supports, read from its `resources.schema.json`."""

    types: Mapping[str, Mapping[str, Any]]  # keys of each type, with their schemas
    keys: frozenset[str]  # of a resource

    @classmethod
    def parse(cls, text: str) -> Language:
        """Parse `resources.schema.json`, the JSON schema of the answer `resources`."""
        try:
            resource = json.loads(text)["properties"]["resources"]["items"]["properties"]
            mappings = [each for each in resource["fields"]["additionalProperties"]["oneOf"] if "properties" in each]
            types = {each["properties"]["type"]["enum"][0]: each["properties"] for each in mappings}
        except (ValueError, LookupError, TypeError) as error:
            raise CommandError(
                "The recorded version of the template has no resources.schema.json that `add` can read: edit"
                " `resources` in a file of answers, and run `update --data-file FILE`."
            ) from error
        return cls(types, frozenset(resource))


# ── Fields ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def parse_fields(words: Iterable[str], language: Language) -> dict[str, Any]:
    """Parse the arguments that declare fields, and return the declarations by field name."""
    fields: dict[str, Any] = {}
    for word in words:
        name, declaration = parse_field(word, language)
        if name in fields:
            raise CommandError(f"{word}: the field {name} is declared twice.")
        fields[name] = declaration
    return fields


def parse_field(word: str, language: Language) -> tuple[str, Any]:
    """Parse one argument into a field's name and declaration, which is a type or a mapping with options."""
    name, *parts = split(word, ":", word)
    if not name or not parts or not parts[0]:
        raise CommandError(f"{word}: {FIELD}.")
    kind, mark, options = parse_type(word, parts)
    if name == "ref" and kind not in language.types:  # ref:customer
        name, kind, options = kind, "ref", [f"to={kind}", *options]
    check_type(word, kind, language)
    declaration: dict[str, Any] = {"type": kind}
    for place, option in enumerate(options):
        key, value = parse_option(word, kind, option, place, language)
        if key in declaration:
            raise CommandError(f"{word}: {key} is repeated.")
        declaration[key] = value
    return name, finished(word, name, declaration, mark)


def parse_type(word: str, parts: list[str]) -> tuple[str, str, list[str]]:
    """Parse a type such as `enum?[draft,paid](default=draft)` into name, mark and options.

    The mark is `?` for an optional field, `!` for a required one, or empty.
    """
    matched = re.match(r"\w*", parts[0])
    kind, rest = (matched[0], parts[0][matched.end() :]) if matched else ("", parts[0])
    mark, options = "", []
    while rest:
        if rest[0] in "?!":
            mark, rest = mark + rest[0], rest[1:]
        elif rest[0] in "([" and (end := closing(rest)):
            inside = rest[1:end]
            options += [f"values=[{inside}]"] if rest[0] == "[" else split(inside, ",", word)
            rest = rest[end + 1 :]
        else:
            raise CommandError(f"{word}: {rest!r} after the type {kind} cannot be read; {FIELD}.")
    options += parts[1:]
    if options and options[-1][-1:] in {"?", "!"} and "=" not in options[-1]:
        mark, options[-1] = mark + options[-1][-1], options[-1][:-1]
    return kind, mark, [option.strip() for option in options]


def check_type(word: str, kind: str, language: Language) -> None:
    """Raise `CommandError` for an unknown field type, and suggest the most similar one."""
    if kind in language.types:
        return
    near = [ALIASES[kind]] if kind in ALIASES else get_close_matches(kind, language.types, n=1)
    fix = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(language.types)}."
    raise CommandError(f"{word}: there is no type {kind!r}. {fix}")


def parse_option(word: str, kind: str, option: str, place: int, language: Language) -> tuple[str, Any]:
    """Parse one option of a field into its key and value."""
    key, equals, text = option.partition("=")
    known = language.types[kind]
    if not equals and place == 0 and option not in {*known, *NEGATED}:
        if kind == "enum":
            return "values", enum_values(word, option)
        if kind == "ref":
            return "to", option
    if key in NEGATED and not equals:
        return NEGATED[key]
    if key == "uniq":  # as Rails has it
        key = "unique"
    if key not in known or key == "type":
        raise CommandError(f"{word}: {kind} has no option {key!r}. {hint(kind, key, known)}")
    if equals:
        return key, option_value(word, key, text, known[key])
    if known[key].get("type") != "boolean":
        raise CommandError(f"{word}: {key} needs a value: {key}=…")
    return key, True


def hint(kind: str, key: str, known: Mapping[str, Any]) -> str:
    """Suggest the most similar option to a misspelt one, or list all options."""
    options = [*(name for name in known if name != "type"), *NEGATED]
    if near := get_close_matches(key, options, n=1):
        return f"Did you mean {near[0]}?"
    values = " Separate the values by commas: enum:draft,paid." if kind == "enum" else ""
    return f"It has: {', '.join(options)}.{values}"


def option_value(word: str, key: str, text: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the schema says
    """Convert the text of an option to the type that the JSON schema requires for its key."""
    kind = schema.get("type")
    if key == "values":
        return enum_values(word, text.removeprefix("[").removesuffix("]"))
    if kind == "string" and schema.get("format") != "date":
        return unquoted(text)
    if "enum" in schema and text in schema["enum"]:
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if value is None:
        raise CommandError(f"{word}: {key}={text} has no value.")
    if kind == "integer" and type(value) is not int:
        raise CommandError(f"{word}: {key}={text} is not a whole number.")
    if kind == "boolean" and type(value) is not bool:
        raise CommandError(f"{word}: {key} is true or false, not {text}.")
    return value


def enum_values(word: str, text: str) -> list[str]:
    """Split the values of an enumeration at the commas between them."""
    values = [unquoted(value.strip()) for value in split(text, ",", word)]
    if not all(values):
        raise CommandError(f"{word}: a value of the enum is empty.")
    return values


def finished(word: str, name: str, declaration: dict[str, Any], mark: str) -> Any:  # noqa: ANN401 - text or a mapping
    """Return a field's declaration in the shortest form: `date?`, or a mapping if it has options."""
    if len(mark) > 1:
        raise CommandError(f"{word}: write one of ! (required, as without it) and ? (optional).")
    kind, optional = declaration["type"], declaration.pop("optional", None)
    marked = {"?": True, "!": False}.get(mark)
    if None not in (optional, marked) and optional is not marked:
        raise CommandError(f"{word}: it is declared both optional and required.")
    optional = optional or marked
    if kind == "ref":
        declaration = {"type": kind, "to": declaration.pop("to", name), **declaration}
    if kind == "enum" and "values" not in declaration:
        raise CommandError(f"{word}: an enum needs values: {name}:enum:draft,paid")
    if len(declaration) == 1:
        return f"{kind}?" if optional else kind
    return declaration | ({"optional": True} if optional else {})


# ── Split ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def split(text: str, separator: str, word: str) -> list[str]:
    """Split text at a separator, except inside brackets and quotes; a backslash escapes the next character."""
    parts = [""]
    for character, depth in depths(text):
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if [depth for _, depth in depths(text)][-1:] not in ([], [0]):
        raise CommandError(f"{word}: a bracket or a quote is not closed.")
    return parts


def closing(text: str) -> int:
    """Return the position of the bracket that closes the text's first character; 0 if none does."""
    return next((place for place, (_, depth) in enumerate(depths(text)) if depth == 0), 0)


def depths(text: str) -> Iterator[tuple[str, int]]:
    """Yield each character of a text with the number of brackets and quotes that are open after it."""
    depth, quote, is_escaped = 0, "", False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in QUOTES:
            quote = character
        elif character in OPENING:
            depth += 1
        elif character in CLOSING:
            depth -= 1
        yield character, depth + bool(quote)


def unquoted(text: str) -> str:
    """Return a text without its surrounding quotes."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES else text


# ── Resources ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def with_resource(resources: list[dict[str, Any]], declaration: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the list of resources, with a new resource at the end."""
    name = declaration["name"]
    if name in names(resources):
        raise CommandError(f"{name}: the resource exists already. Add fields by: add field {name} FIELD:TYPE")
    if not declaration["fields"]:
        raise CommandError(f"{name}: a resource needs a field; {FIELD}.")
    check_targets(declaration["fields"], [*names(resources), name])
    return [*resources, declaration]


def with_fields(resources: list[dict[str, Any]], name: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the list of resources, with new fields at the end of one resource."""
    if name not in names(resources):
        near = get_close_matches(name, names(resources), n=1)
        known = ", ".join(names(resources)) or "none"
        fix = f"Did you mean {near[0]}?" if near else f"There are: {known}."
        raise CommandError(f"{name}: unknown resource. {fix} Create it by: add resource {name} FIELD:TYPE")
    resource = next(each for each in resources if each["name"] == name)
    if existing := [field for field in fields if field in resource["fields"]]:
        raise CommandError(f"{name} has a field {existing[0]} already. Change it in a file of answers; see the docs.")
    check_targets(fields, names(resources))
    extended = resource | {"fields": {**resource["fields"], **fields}}
    return [extended if each is resource else each for each in resources]


def check_targets(fields: Mapping[str, Any], known: list[str]) -> None:
    """Raise `CommandError` if a field references a resource that does not exist."""
    for field, declaration in fields.items():
        target = field if declaration in ("ref", "ref?") else declaration.get("to") if is_mapping(declaration) else None
        if target is not None and target not in known:
            near = get_close_matches(target, known, n=1)
            fix = f"Did you mean {near[0]}?" if near else "Add it first, or name another one:"
            raise CommandError(f"{field}: there is no resource {target}. {fix} {field}:ref:{(near or ['RESOURCE'])[0]}")


def is_mapping(declaration: object) -> bool:
    """Return whether a field's declaration is a mapping instead of a short form such as `date?`."""
    return isinstance(declaration, dict)


def names(resources: list[dict[str, Any]]) -> list[str]:
    """Return the names of all declared resources."""
    return [str(each.get("name")) for each in resources]
