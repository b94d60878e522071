"""Messages of validation errors, in plain sentences instead of Pydantic's wording.

A message never echoes the submitted value, which may be a password.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

from app.schemas.base import LINE, TEXT, shown

Context = Mapping[str, Any]  # context of a Pydantic error, such as the violated constraint

DATE = "Must be a date, such as 2026-01-31."
DATETIME = "Must be a date and time with a time zone, such as 2026-01-31T09:30:00Z."
INTEGER = "Must be an integer."
INVALID = "Invalid value."
TIME = "Must be a time of day, such as 09:30:00."
URL = "Must be a URL, such as https://example.com/path."

TEMPLATES = {
    "bool_parsing": "Must be true or false.",
    "bool_type": "Must be true or false.",
    "date_from_datetime_inexact": DATE,
    "date_from_datetime_parsing": DATE,
    "date_future": "Must be in the future.",
    "date_parsing": DATE,
    "date_past": "Must be in the past.",
    "date_type": DATE,
    "datetime_from_date_parsing": DATETIME,
    "datetime_future": "Must be in the future.",
    "datetime_parsing": DATETIME,
    "datetime_past": "Must be in the past.",
    "datetime_type": DATETIME,
    "decimal_max_digits": "Must have at most {max_digits} digits.",
    "decimal_max_places": "Must have at most {decimal_places} decimal places.",
    "decimal_parsing": "Must be a decimal number, such as 4.50.",
    "decimal_type": "Must be a decimal number, such as 4.50.",
    "decimal_whole_digits": "Must have at most {whole_digits} digits before the decimal point.",
    "dict_type": "Must be an object.",
    "extra_forbidden": "Unknown field or parameter.",
    "finite_number": "Must be a finite number.",
    "float_parsing": "Must be a number.",
    "float_type": "Must be a number.",
    "greater_than": "Must be greater than {gt}.",
    "greater_than_equal": "Must be at least {ge}.",
    "int_from_float": INTEGER,
    "int_parsing": INTEGER,
    "int_parsing_size": "Must be an integer with fewer digits.",
    "int_type": INTEGER,
    "json_invalid": "Must be valid JSON.",
    "less_than": "Must be less than {lt}.",
    "less_than_equal": "Must be at most {le}.",
    "list_type": "Must be an array.",
    "missing": "Field required.",
    "model_attributes_type": "Must be an object.",
    "model_type": "Must be an object.",
    "multiple_of": "Must be a multiple of {multiple_of}.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_too_short": "Must have at least {min_length} characters.",
    "string_type": "Must be a string.",
    "string_unicode": "Must be a string of Unicode characters.",
    "time_parsing": TIME,
    "time_type": TIME,
    "timezone_aware": DATETIME,
    "timezone_naive": "Must not have a time zone.",
    "too_long": "Must have at most {max_length} items.",
    "too_short": "Must have at least {min_length} items.",
    "url_parsing": URL,
    "url_too_long": "Must have at most {max_length} characters.",
    "url_type": URL,
    "uuid_parsing": "Must be a UUID.",
    "uuid_type": "Must be a UUID.",
}
PATTERNS = {
    LINE: "Must be a single line without control characters.",
    TEXT: "Must not contain the NUL character.",
}
STANDARD = frozenset(get_args(ErrorType))  # types of errors that validators do not define
SINGULAR = re.compile(r"\b1 (character|decimal place|digit|item)s\b")
SECRET = "Value"  # Pydantic's name for the type of a `SecretStr` in errors of its length


def message(error: Mapping[str, Any]) -> str:
    """Return the message for one of the errors in `ValidationError.errors()`."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in TEMPLATES:
        text = TEMPLATES[kind].format(**{name: shown(value) for name, value in context.items()})
        if context.get("field_type") == SECRET:
            text = text.replace("items", "characters")
        return SINGULAR.sub(r"1 \1", text)
    if kind in FORMATTERS:
        return FORMATTERS[kind](context)
    # The text of a validator's own type is meant for clients; Pydantic's may quote the value.
    return INVALID if kind in STANDARD else str(error["msg"])


def options(text: str) -> list[str]:
    """Split a text such as `'draft', 'live' or 'sold'` into its values."""
    quoted = re.split(r"(?<=['\"]), (?=['\"])|(?<=['\"]) or (?=['\"])", text)
    values = quoted if text.endswith(("'", '"')) else re.split(r", | or ", text)  # of numbers
    return [value.strip("'\"") for value in values]


def one_of(context: Context) -> str:
    """Return the message for a value that is not in an enumeration."""
    values = options(context["expected"])
    return f"Must be one of: {', '.join(values)}." if len(values) > 1 else f"Must be {values[0]}."


def url_scheme(context: Context) -> str:
    """Return the message for a URL whose scheme is not allowed."""
    schemes = [f"{scheme}://" for scheme in options(context["expected_schemes"])]
    return f"Must be a URL that begins with {' or '.join(schemes)}."


def pattern(context: Context) -> str:
    """Return the message for a text that does not match a pattern.

    The patterns of `app.schemas.base` have messages in words.
    """
    expression = context["pattern"]
    return PATTERNS.get(expression, f"Must match the pattern {expression}.")


def validator(context: Context) -> str:
    """Return the message of a validator's `ValueError`.

    The message for an invalid e-mail address omits the submitted value.
    """
    if "reason" in context:
        return "Must be an e-mail address, such as name@example.com."
    return str(context.get("error", "")) or INVALID


FORMATTERS: Mapping[str, Callable[[Context], str]] = {
    "assertion_error": validator,
    "enum": one_of,
    "literal_error": one_of,
    "string_pattern_mismatch": pattern,
    "url_scheme": url_scheme,
    "value_error": validator,
}
