"""The language of resources: what it says, what it refuses, and how it tells."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import inflect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from extensions.names import IRREGULAR, article, member, modules, plural_of
from extensions.resources import TYPES, domain_problem, read_domain
from tests.harness.combinations.domains import DOMAINS, EXAMPLES, SAMPLE
from tests.harness.combinations.resource_schema import schema
from tests.harness.combinations.strategies import NOUNS, SPOILERS, domains
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from extensions.domain import Field

PERSON: dict[str, Any] = {"name": "person", "fields": {"name": "str"}}


def field(told: object) -> Field:
    """Read a field that stands in a resource of its own."""
    (resource,) = read_domain([{"name": "thing", "fields": {"a": told, "b": "str"}}])
    return resource.fields[0]


def problem(told: object) -> str:
    return domain_problem([{"name": "thing", "fields": {"a": told, "b": "str"}}])


@pytest.mark.parametrize("kind", sorted(TYPES.keys() - {"enum", "ref"}))
def test_a_type_alone_is_a_field(kind: str) -> None:
    assert (field(kind).type, field(kind).optional) == (kind, False)
    assert field(f"{kind}?") == field({"type": kind, "optional": True})


def test_bounds_have_the_type_of_their_field() -> None:
    assert field({"type": "decimal", "ge": 0, "default": "1.50"}).default == Decimal("1.50")
    assert field({"type": "date", "ge": "2026-01-31"}).ge == field({"type": "date", "ge": date(2026, 1, 31)}).ge
    assert isinstance(field({"type": "float", "ge": 1}).ge, float)


def test_the_order_of_fields_and_resources_is_their_owners() -> None:
    (_, thing) = read_domain([PERSON, {"name": "thing", "fields": {"z": "int", "a": "int", "m": "int"}}])
    assert [each.name for each in thing.fields] == ["z", "a", "m"]


def test_a_reference_is_kept_under_the_key_that_it_is() -> None:
    assert field({"type": "ref", "to": "thing", "optional": True}).column == "a_id"


def test_without_a_word_a_resource_does_everything_and_is_called_what_it_is() -> None:
    (person,) = read_domain([PERSON])
    assert person.operations == ("list", "create", "read", "update", "delete", "export")
    assert (person.plural, person.description) == ("people", "A person.")


@pytest.mark.parametrize("name", DOMAINS)
def test_every_example_is_sound(name: str) -> None:
    assert domain_problem(DOMAINS[name]) == ""


def test_every_type_stands_in_an_example() -> None:
    used = {
        each.type
        for answers in EXAMPLES.values()
        for resource in read_domain(answers["resources"])
        for each in resource.fields
    }
    assert used == set(TYPES)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("hello", "'hello' is not a list of resources; [] is a service without any."),
        ([7], "resource 1: 7 is not a mapping with a `name` and `fields`."),
        ([{}], "resource 1: it has no `name:`."),
        ([PERSON, PERSON], "person: person is taken by person, another resource; choose another name."),
        ([PERSON | {"name": "class"}], "resource 1: class is a keyword of Python; choose another name."),
        (
            [PERSON | {"name": "errors"}],
            "resource 1: errors is the name of a part of the service; choose another, such as errors_entry.",
        ),
        (
            [PERSON | {"name": "sqlite"}],
            "resource 1: sqlite is the name of a part of the service; choose another, such as sqlite_entry.",
        ),
        (
            [PERSON | {"name": "file"}],
            "resource 1: file is the name of a part of the service; choose another, such as file_entry.",
        ),
        (
            [PERSON | {"name": "upload", "plural": "files"}],
            "upload: the plural files is a word of SQL or of the service; set `plural:` to another.",
        ),
        (
            [PERSON | {"name": "news"}],
            "news: the plural of news is news, too; tell them apart by `plural:`, such as news_entries.",
        ),
        (
            [PERSON | {"name": "orderItem"}],
            "resource 1: the name 'orderItem' is not in lower_snake_case, of a to z, 0 to 9 and single _;"  # noqa: ISC004
            " for example order_item.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_mend(told: object, said: str) -> None:
    assert domain_problem(told) == said


def test_only_what_is_owned_may_not_refer_to_an_owner() -> None:
    owner = {"name": "owner", "fields": {"name": "str"}}
    pet = {"name": "pet", "fields": {"name": "str", "owner": {"type": "ref", "to": "owner"}}}
    assert domain_problem([owner, pet]) == ""
    assert domain_problem([owner, pet | {"owner": True}]) == (
        "pet.owner: owner_id is the account that `owner: true` gives each; choose another name, such as holder."
    )
    assert domain_problem([owner | {"owner": True}]) == (
        "owner: `owner: true` gives it an owner of its own; choose another name, such as keeper."
    )


def test_a_circle_of_required_references_is_told_whole() -> None:
    def link(name: str, to: str) -> dict[str, Any]:
        return {"name": name, "fields": {"next": {"type": "ref", "to": to}}}

    told = domain_problem([link("hen", "egg"), link("egg", "chick"), link("chick", "hen")])
    assert told.startswith("hen.next: required references lead round: hen → egg → chick → hen.")
    assert "optional: true" in told


def test_what_is_shown_of_a_value_is_short() -> None:
    assert len(problem("x" * 10_000_000)) < 400
    assert "a mapping" in problem([{"x": "y"}]) or "a list" in problem([{"x": "y"}])


def test_a_bomb_of_anchors_is_told_at_once() -> None:
    """Ten levels of ten anchors each would be ten thousand million entries, written out."""
    bomb: list[Any] = ["lol"]
    for _ in range(10):
        bomb = [bomb] * 10
    for told in (bomb, [bomb], [{"name": bomb}], [PERSON | {"fields": bomb}], [PERSON | {"unique": bomb}]):
        assert len(domain_problem(told)) < 400
    assert len(problem(bomb)) < 400
    assert len(problem({"type": "enum", "values": bomb})) < 400
    assert len(problem({"type": "json", "default": bomb})) < 400


@pytest.mark.parametrize(
    ("spoil", "about"), SPOILERS, ids=[f"{number} {about}" for number, (_, about) in enumerate(SPOILERS)]
)
def test_what_cannot_be_is_refused_by_name(spoil: Any, about: str) -> None:  # noqa: ANN401
    resource = {"name": "thing", "fields": {"title": "str"}}
    spoil(resource)
    told = domain_problem([PERSON, resource])
    assert told.startswith("thing"), told
    assert about in told
    assert "\n" not in told


@settings(max_examples=100, deadline=None)
@given(domains, st.sampled_from(SPOILERS), st.data())
def test_one_mistake_in_any_domain_is_found(domain: list[Any], spoiler: Any, data: st.DataObject) -> None:  # noqa: ANN401
    if domain:
        spoil, about = spoiler
        resource = data.draw(st.sampled_from(domain))
        spoil(resource)
        told = domain_problem(domain)
        assert told.startswith(resource["name"]), told
        assert about in told


def test_a_member_has_a_name_of_its_own() -> None:
    assert [member(word) for word in ("draft", "in-progress", "2xl", "価格", "naïve", "a  b")] == [
        *("DRAFT", "IN_PROGRESS", "VALUE_2XL", member("価格"), "NAIVE", "A_B"),
    ]
    assert member("価格").isidentifier()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("order item", "an order item"),
        ("user", "a user"),
        ("umbrella", "an umbrella"),
        ("unit", "a unit"),
        ("hour", "an hour"),
        ("one-off", "a one-off"),
        ("product", "a product"),
    ],
)
def test_things_are_spoken_of_as_in_english(words: str, said: str) -> None:
    assert article(words) == said


def test_plurals_are_those_of_a_library() -> None:
    """The rules are ours, for a table must keep its name whichever version of a library somebody has."""
    nouns = """
        account address analysis answer apple baby basis batch bench box boy branch brush bus business campus category
        church city class clinic company country course crisis customer day dish employee entry event family fax field
        file guest holiday house invoice issue item journey key lady letter library match member message month name note
        offer order page party payment person photo piano play policy price process product project proxy query quote
        reply report role room school seat session shelf ship shop status story street student supplier survey tax
        ticket toy tray truck user video visit watch week wish woman year
    """.split()  # noqa: SIM905
    judge = inflect.engine()
    found = {noun: plural_of(noun) for noun in [*nouns, *IRREGULAR]}
    others = {noun: plural for noun, plural in found.items() if judge.plural_noun(noun) != plural}
    assert others == {"thief": "thieves"}


def test_nouns_of_the_strategies_can_be_used() -> None:
    refused = [noun for noun in NOUNS if domain_problem([{"name": noun, "fields": {"a": "int"}}])]
    assert len(refused) < len(NOUNS) / 10, refused


def test_no_resource_can_take_the_place_of_a_module() -> None:
    assert {"base", "errors", "database", "main", "serving", "conftest", "architecture"} <= modules()
    assert "product" not in modules()


def test_the_sample_is_what_the_readme_says() -> None:
    assert [resource["name"] for resource in SAMPLE] == ["product"]


# ── The schema of the language, by which editors complete it ──────────────────────────────────────


def valid(domain: object) -> bool:
    told = json.loads(json.dumps({"resources": domain}, default=str))  # as an editor reads the file
    return bool(Draft202012Validator(schema()).is_valid(told))


def test_the_schema_is_the_language() -> None:
    written = json.loads((ROOT / "resources.schema.json").read_text(encoding="utf-8"))
    assert written == schema(), "uv run python -m tests.harness.combinations.resource_schema > resources.schema.json"
    Draft202012Validator.check_schema(written)


@settings(max_examples=100, deadline=None)
@given(domains)
def test_what_is_legal_fits_the_schema(domain: list[Any]) -> None:
    assert valid(domain)


@pytest.mark.parametrize("name", DOMAINS)
def test_examples_fit_the_schema(name: str) -> None:
    assert valid(DOMAINS[name])


@pytest.mark.parametrize(
    "told",
    [
        {"a": "strg"},
        {"a": {"type": "str", "max_lenght": 3}},
        {"a": {"type": "bool", "max_length": 3}},
        {"a": {"type": "enum"}},
        {"a": {"type": "ref"}},
        {"Name": "str"},
        {},
    ],
    ids=str,
)
def test_an_editor_tells_the_plain_mistakes(told: dict[str, Any]) -> None:
    assert not valid([{"name": "thing", "fields": told}])
