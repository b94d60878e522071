"""The template's Jinja context has names, types, literals and sentences; templates hold all code."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.answers import auth_problem
from extensions.slipway_template.facts.tables import facts
from extensions.slipway_template.language.consistency import LONGEST_CONSTRAINT
from extensions.slipway_template.language.parsing import read_domain
from extensions.slipway_template.language.reserved import LONGEST
from extensions.slipway_template.plan import plan
from tests.harness.combinations.domains import DOMAINS, large_domain
from tests.harness.combinations.questions import all_questions

if TYPE_CHECKING:
    from collections.abc import Iterator

# `server_default` has constants of SQLAlchemy, such as `sa.true()`.
SENTENCES = {"all", "condition", "description", "examples", "phrase", "server_default", "value", "words"}
# What types and literals are made of.
PARTS = (
    *(ast.Name, ast.Constant, ast.Call, ast.keyword, ast.Subscript, ast.Attribute, ast.List, ast.Tuple, ast.Dict),
    *(ast.BinOp, ast.BitOr, ast.Mult, ast.UnaryOp, ast.USub, ast.Load, ast.Expression),
)
# Types and constructors of literals that calls may name.
CALLABLES = re.compile(r"[A-Z]\w*|date|datetime|enum_type|time")
WORD = re.compile(r"[\w/:.\- ]*|%.*")


def strings(facts: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string in the Jinja context, with the key that has it as its value."""
    if isinstance(facts, str):
        yield key, facts
    elif isinstance(facts, dict):
        for name, value in facts.items():
            yield from strings(value, name)
    elif isinstance(facts, list):
        for value in facts:
            yield from strings(value, key)


def is_source(text: str) -> bool:
    """Return whether a string is Python code other than a name, a type or a literal."""
    if WORD.fullmatch(text):
        return False
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        return True
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    named = all(isinstance(call, ast.Name) and CALLABLES.fullmatch(call.id) for call in calls)
    return not named or not all(isinstance(node, PARTS) for node in nodes)


def test_longest_names_of_constraints_fit_identifiers_of_postgresql() -> None:
    fields = {
        "r" * LONGEST["ref"]: {"type": "ref", "to": "it", "optional": True},
        "d" * LONGEST["field"]: {"type": "decimal", "max_digits": 15, "ge": "-999999999.25", "lt": "999999999.75"},
        "e" * LONGEST["field"]: {"type": "enum", "values": ["excellent", "satisfactory", "insufficient"]},
        "s" * LONGEST["field"]: {"type": "str", "min_length": 100, "max_length": 500, "unique": True},
    }
    (resource,) = resources = read_domain([{"name": "it", "plural": "t" * LONGEST["name"], "fields": fields}])
    names = set(re.findall(r"\b(?:ck|fk|uq)_\w+", str(facts(resources, resource, set()))))
    names |= {f"ix_{resource.plural}_{field.column}" for field in resource.fields}
    assert len(names) == 10
    assert max(map(len, names)) <= LONGEST_CONSTRAINT == 63


@pytest.mark.parametrize("auth", ["none", "local"])
@pytest.mark.parametrize("name", [*DOMAINS, "large"])
def test_resource_jinja_context_contains_no_python_code(name: str, auth: str) -> None:
    domain = DOMAINS.get(name, large_domain(3))
    if auth_problem(auth, domain):
        return
    planned = plan(all_questions().default | {"resources": domain, "auth": auth})
    facts = [planned["resources"], planned["tables"], planned["late"]]
    code = [(key, text) for key, text in strings(facts) if key not in SENTENCES]
    assert [(key, text) for key, text in code if is_source(text)] == []


@pytest.mark.parametrize(
    "text",
    ["title: str = 1", "x = 1", "await make()", "at_least(Product.price)", ", owner: UUID", "[x for x in y]", "a + b"],
)
def test_string_with_python_code_is_detected(text: str) -> None:
    assert is_source(text)


@pytest.mark.parametrize(
    "text", ["title", "str | None", "String(32)", 'Decimal("1.50")', '"x" * 121', "{}", "date(2026, 1, 1)"]
)
def test_names_types_and_literals_do_not_count_as_code(text: str) -> None:
    assert not is_source(text)
