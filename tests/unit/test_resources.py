"""The resource language is parsed, defaults are added, and mistakes are reported."""

from __future__ import annotations

import builtins
import json
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from extensions.slipway_template.facts.tables import enum_check_name
from extensions.slipway_template.language.domain import READERS
from extensions.slipway_template.language.names import article, camel, member
from extensions.slipway_template.language.parsing import TYPES, domain_problem, read_domain
from extensions.slipway_template.language.plurals import IRREGULAR, REGULAR, candidates, plural_of
from extensions.slipway_template.language.reserved import BUILTIN_CLASSES, BUILTINS, IMPORTED, MODELS, VARIABLES
from tests.harness.combinations.domains import DOMAINS, EXAMPLES, SAMPLE
from tests.harness.combinations.resource_schema import schema
from tests.harness.combinations.strategies import MISTAKES, NOUNS, domains
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from extensions.slipway_template.language.domain import Field

PERSON: dict[str, Any] = {"name": "person", "fields": {"name": "str"}}


def field(source: object) -> Field:
    """Return a parsed field, declared in a resource with no other field."""
    (resource,) = read_domain([{"name": "thing", "fields": {"a": source, "b": "str"}}])
    return resource.fields[0]


def problem(source: object) -> str:
    return domain_problem([{"name": "thing", "fields": {"a": source, "b": "str"}}])


@pytest.mark.parametrize("kind", sorted(TYPES.keys() - {"enum", "ref"}))
def test_field_short_form_is_type_with_optional_question_mark(kind: str) -> None:
    assert (field(kind).type, field(kind).optional) == (kind, False)
    assert field(f"{kind}?") == field({"type": kind, "optional": True})


def test_field_bounds_are_converted_to_field_type() -> None:
    assert field({"type": "decimal", "ge": 0, "default": "1.50"}).default == Decimal("1.50")
    assert field({"type": "date", "ge": "2026-01-31"}).ge == field({"type": "date", "ge": date(2026, 1, 31)}).ge
    assert isinstance(field({"type": "float", "ge": 1}).ge, float)


def test_declared_field_order_is_preserved() -> None:
    (_, thing) = read_domain([PERSON, {"name": "thing", "fields": {"z": "int", "a": "int", "m": "int"}}])
    assert [each.name for each in thing.fields] == ["z", "a", "m"]


def test_reference_column_ends_in_id() -> None:
    assert field({"type": "ref", "to": "thing", "optional": True}).column == "a_id"


def test_renamed_reference_has_former_column() -> None:
    source = {"type": "ref", "to": "thing", "optional": True, "was": "old"}
    assert (field(source).column, field(source).former_column) == ("a_id", "old_id")
    assert field("str").former_column == "a"


@pytest.mark.parametrize(
    ("was", "plural"), [("child", "children"), ({"name": "child", "plural": "kids"}, "kids"), ("file", "files")]
)
def test_renamed_resource_has_former_plural(was: object, plural: str) -> None:
    (person,) = read_domain([PERSON | {"was": was}])
    assert person.former_plural == plural


def test_resource_with_renamed_plural_keeps_name() -> None:
    (person,) = read_domain([PERSON | {"plural": "persons", "was": "person"}])
    assert (person.was, person.former_plural, person.plural) == ("person", "people", "persons")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"was": "Child"}, "person: was: the name 'Child' is not in lower_snake_case"),
        ({"was": 7}, "person: was: the name 7 is not text"),
        ({"was": "x" * 25}, "person: was: the name has 25 characters: shorten it to 24 or less."),
        ({"was": "person"}, "person: was: this is its present name: remove `was`."),
        ({"was": "pet"}, "person: was: a resource pet exists: remove it, or remove `was`."),
        ({"was": {"name": "cat", "plural": "pets"}}, "person: was: pets is the plural of pet: remove `was`."),
        ({"was": {"plural": "pets"}}, "person: was: it has no `name:`, the previous name of the resource."),
        ({"was": {"title": "cat"}}, "person: was: unknown key 'title'. There are: name, plural."),
        ({"was": "animal"}, "pet: was: animal is the previous name of person, too: remove one."),
        (
            {"fields": {"name": {"type": "str", "was": "class"}}},
            "person.name: was: class is a keyword of Python: choose another name, such as class_value.",
        ),
        (
            {"fields": {"name": {"type": "str", "was": "name"}}},
            "person.name: was: this is its present name: remove `was`.",
        ),
        (
            {"fields": {"name": {"type": "str", "was": "id"}}},
            "person.name: was: id is a column that the template adds: remove `was`.",
        ),
        (
            {"fields": {"a": {"type": "str", "was": "b"}, "b": "str"}},
            "person.a: was: a field b exists: remove it, or remove `was`.",
        ),
        (
            {"fields": {"a": {"type": "uuid", "was": "pet_id"}, "pet": {"type": "ref", "to": "pet"}}},
            "person.a: was: a field pet exists: remove it, or remove `was`.",
        ),
        (
            {"fields": {"a": {"type": "str", "was": "c"}, "b": {"type": "str", "was": "c"}}},
            "person.b: was: c is the previous name of a, too: remove one.",
        ),
    ],
)
def test_invalid_former_name_is_reported_with_fix(changes: dict[str, Any], message: str) -> None:
    pet = {"name": "pet", "was": "animal", "fields": {"name": "str"}}
    assert message in domain_problem([PERSON | changes, pet])


def test_resource_has_default_operations_and_names() -> None:
    (person,) = read_domain([PERSON])
    assert person.operations == ("list", "create", "read", "update", "delete", "export")
    assert (person.plural, person.description) == ("people", "A person.")


@pytest.mark.parametrize("name", DOMAINS)
def test_example_domain_is_valid(name: str) -> None:
    assert domain_problem(DOMAINS[name]) == ""


def test_examples_use_every_type() -> None:
    used = {
        each.type
        for answers in EXAMPLES.values()
        for resource in read_domain(answers["resources"])
        for each in resource.fields
    }
    assert used == set(TYPES)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("hello", "'hello' is not a list of resources; [] is a service without any."),
        ([7], "resource 1: 7 is not a mapping with a `name` and `fields`."),
        ([{}], "resource 1: it has no `name:`."),
        ([PERSON, PERSON], "person: person is a name of the resource person, too: choose another name."),
        (
            [PERSON | {"name": "class"}],
            "resource 1: class is a keyword of Python: choose another name, such as class_value.",
        ),
        (
            [PERSON | {"name": "file"}],
            "file: app/models/file.py is a file of the service: choose another name, such as file_record.",
        ),
        (
            [PERSON | {"name": "some"}],
            "some: tests/factories/__init__.py defines some: choose another name, such as some_record.",
        ),
        (
            [PERSON | {"name": "link"}],
            "link: app/routers/file.py has an operation read_link: choose another name, such as link_record.",
        ),
        (
            [PERSON | {"name": "value"}],
            "value: its plural values is a reserved word of SQL: set `plural:` to another word, such as value_records.",
        ),
        (
            [PERSON | {"name": "upload", "plural": "files"}],
            "upload: its plural files is a table of the feature files: "  # noqa: ISC004
            "set `plural:` to another word, such as upload_records.",
        ),
        (
            [PERSON | {"name": "pg_dump"}],
            "pg_dump: its plural pg_dumps begins with pg_, which PostgreSQL reserves: "  # noqa: ISC004
            "set `plural:` to another word, such as dump_records.",
        ),
        (
            [PERSON | {"name": "change"}],
            "change: its plural is changes, and /api/v1/changes is a route of the feature websockets: "  # noqa: ISC004
            "set `plural:` to another word, such as change_records.",
        ),
        (
            [PERSON | {"name": "orderItem"}],
            "resource 1: the name 'orderItem' is not in lower_snake_case, of a to z, 0 to 9 and single _;"  # noqa: ISC004
            " for example order_item.",
        ),
    ],
)
def test_mistake_in_domain_is_reported_with_fix(domain: object, message: str) -> None:
    assert domain_problem(domain) == message


def test_field_named_owner_conflicts_with_owner_flag() -> None:
    owner = {"name": "owner", "fields": {"name": "str"}}
    pet = {"name": "pet", "fields": {"name": "str", "owner": {"type": "ref", "to": "owner"}}}
    assert domain_problem([owner, pet]) == ""
    assert domain_problem([owner, pet | {"owner": True}]) == (
        "pet.owner: owner_id references the account, by `owner: true`: choose another name, such as holder."
    )
    assert domain_problem([owner | {"owner": True}]) == (
        "owner: `owner: true` gives each row an owner of its own: choose another name, such as keeper."
    )


def test_random_domains_have_all_readers() -> None:
    drawn: set[str | None] = set()

    @settings(max_examples=60, phases=[Phase.generate], database=None, deadline=None, derandomize=True)
    @given(domains)
    def collect(domain: list[dict[str, Any]]) -> None:
        drawn.update(resource.get("read") for resource in domain)

    collect()
    assert drawn == {None, *READERS}


def test_undeclared_readers_depend_on_accounts() -> None:
    resources = read_domain([PERSON, {"name": "pet", "read": "public", "fields": {"name": "str"}}])
    assert [each.read for each in resources] == ["", "public"]


@pytest.mark.parametrize("read", ["public", "signed_in"])
def test_owned_resource_with_other_readers_is_rejected(read: str) -> None:
    message = "person: read: by `owner: true`, only the owner of a row and callers with people:read read it"
    assert domain_problem([PERSON | {"owner": True, "read": read}]) == f"{message}: remove `read` or `owner`."
    assert domain_problem([PERSON | {"owner": True, "read": "permission"}]) == ""


def test_cycle_of_required_references_is_reported() -> None:
    def link(name: str, to: str) -> dict[str, Any]:
        return {"name": name, "fields": {"next": {"type": "ref", "to": to}}}

    message = domain_problem([link("hen", "egg"), link("egg", "chick"), link("chick", "hen")])
    assert message.startswith("hen.next: required references form a cycle: hen → egg → chick → hen.")
    assert "optional: true" in message


def test_long_value_in_error_message_is_shortened() -> None:
    assert len(problem("x" * 10_000_000)) < 400
    assert "a mapping" in problem([{"x": "y"}]) or "a list" in problem([{"x": "y"}])


def test_yaml_bomb_is_rejected_with_short_message() -> None:
    """Ten levels of ten aliases expand to ten thousand million entries."""
    bomb: list[Any] = ["lol"]
    for _ in range(10):
        bomb = [bomb] * 10
    for domain in (bomb, [bomb], [{"name": bomb}], [PERSON | {"fields": bomb}], [PERSON | {"unique": bomb}]):
        assert len(domain_problem(domain)) < 400
    assert len(problem(bomb)) < 400
    assert len(problem({"type": "enum", "values": bomb})) < 400
    assert len(problem({"type": "json", "default": bomb})) < 400


@pytest.mark.parametrize(
    ("make_mistake", "words"), MISTAKES, ids=[f"{number} {words}" for number, (_, words) in enumerate(MISTAKES)]
)
def test_resource_error_starts_with_resource_name(make_mistake: Any, words: str) -> None:  # noqa: ANN401
    resource = {"name": "thing", "fields": {"title": "str"}}
    make_mistake(resource)
    message = domain_problem([PERSON, resource])
    assert message.startswith("thing"), message
    assert words in message
    assert "\n" not in message


@settings(max_examples=100, deadline=None)
@given(domains, st.sampled_from(MISTAKES), st.data())
def test_mistake_in_random_domain_is_reported(domain: list[Any], mistake: Any, data: st.DataObject) -> None:  # noqa: ANN401
    if domain:
        make_mistake, words = mistake
        resource = data.draw(st.sampled_from(domain))
        resource.pop("operations", None)  # all of them: a mistake may concern the filters of lists
        resource.pop("read", None)  # a mistake may add an owner
        make_mistake(resource)
        message = domain_problem(domain)
        assert message.startswith(resource["name"]), message
        assert words in message


def test_enum_member_names_are_identifiers() -> None:
    assert [member(word) for word in ("draft", "in-progress", "2xl", "価格", "naïve", "a  b")] == [
        *("DRAFT", "IN_PROGRESS", "VALUE_2XL", member("価格"), "NAIVE", "A_B"),
    ]
    assert member("価格").isidentifier()


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["A+", "B"], ["A", "B"]),
        (["A+", "A-"], ["A_PLUS", "A_MINUS"]),
        (["A", "A+", "B-"], ["A", "A_PLUS", "B"]),
        (["0+", "0-"], ["VALUE_0_PLUS", "VALUE_0_MINUS"]),
        (["<", ">="], ["LESS_THAN", "GREATER_THAN_EQUALS"]),
        (["in-progress", "in progress"], ["IN_HYPHEN_PROGRESS", "IN_PROGRESS"]),
        (["A", "a"], ["A_UPPER", "A_LOWER"]),
        (["Draft", "draft"], ["DRAFT_MIXED", "DRAFT_LOWER"]),
        (["é", "e"], ["LATIN_SMALL_LETTER_E_WITH_ACUTE", "E"]),
        (["🚀", "🔥"], ["ROCKET", "FIRE"]),
        ({"A+": "a_plus", "A-": "name"}, ["A_PLUS", "VALUE_NAME"]),
    ],
    ids=str,
)
def test_enum_values_have_distinct_member_names(values: object, names: list[str]) -> None:
    enum = field({"type": "enum", "values": values})
    assert enum.members == list(zip(names, enum.values, strict=True))


@pytest.mark.parametrize("option", ["default", "ge", "lt"])
@pytest.mark.parametrize("value", ["1e28", "1e40", "1e999999999"])
def test_decimal_beyond_digits_is_rejected(option: str, value: str) -> None:
    assert "more digits than" in problem({"type": "decimal", option: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["a b", "a  b"],
            'would both have the member A_B_LOWER: name each value\'s member, such as {"a  b": other_name}.',
        ),
        (
            {"A+": "a", "A-": "a"},
            "would both have the member A: give 'A-' another member, such as {\"A-\": other_name}.",
        ),
        (["_"], "'_' has no letter that could name its member: name it, such as {\"_\": other_name}."),
        (["a", "a"], "a is repeated: remove one."),
        ({"\u00e9": "one", "e\u0301": "two"}, "\u00e9 is repeated: remove one."),
        (["a\u200db"], "it contains U+200D, a line break or invisible character: remove it."),
        ({"A+": "A_PLUS"}, "the member 'A_PLUS' is not in lower_snake_case, such as a_plus."),
        ({"A+": "a" * 41}, "has 41 characters: shorten it to 40 or less."),
        ({}, "it is a list of words, such as [draft, live]."),
    ],
    ids=str,
)
def test_equal_or_invalid_enum_members_are_reported_with_fix(values: object, message: str) -> None:
    assert message in problem({"type": "enum", "values": values})


def test_enum_check_name_differs_by_signs_of_values() -> None:
    def name(*values: str) -> str:
        return enum_check_name(field({"type": "enum", "values": list(values)}))

    assert name("in-progress", "done") == "a_in_progress_done"  # of existing services
    assert len({name("A+", "A-"), name("A-", "A+"), name("A", "A+"), name("A", "a")}) == 4


@pytest.mark.parametrize(
    ("noun", "expected"),
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
def test_indefinite_article_matches_pronunciation(noun: str, expected: str) -> None:
    assert article(noun) == expected


def test_noun_plurals_match_inflect_library() -> None:
    """The code has its own rules, because table names must not change with a library's version."""
    import inflect  # noqa: PLC0415 - takes seconds, which a collection need not wait

    nouns = """
        account address analysis answer apple baby basis batch bench box boy branch brush bus business campus category
        church city class clinic company country course crisis customer day dish employee entry event family fax field
        file guest holiday house invoice issue item journey key lady letter library match member message month name note
        offer order page party payment person photo piano play policy price process product project proxy query quote
        reply report role room school seat session shelf ship shop status story street student supplier survey tax
        ticket toy tray truck user video visit watch week wish woman year
    """.split()  # noqa: SIM905
    engine = inflect.engine()
    assert [noun for noun in nouns if candidates(noun)] == []
    plurals = {noun: plural_of(noun) for noun in [*nouns, *IRREGULAR, *REGULAR]}
    others = {noun: plural for noun, plural in plurals.items() if engine.plural_noun(noun) != plural}
    short_forms = {"combo", "condo", "disco", "intro", "libro", "promo", "retro", "turbo"}
    assert others.keys() == {"thief", "german", "roman", "persona"} | short_forms


@pytest.mark.parametrize(
    ("name", "former", "other"),
    [
        ("red_scarf", "red_scarfs", "red_scarves"),
        ("housewife", "housewifes", "housewives"),
        ("cargo", "cargos", "cargoes"),
        ("ibis", "ibises", "ibes"),
        ("radius", "radiuses", "radii"),
        ("datum", "datums", "data"),
        ("automaton", "automatons", "automata"),
        ("formula", "formulas", "formulae"),
        ("stigma", "stigmas", "stigmata"),
        ("matrix", "matrixes", "matrices"),
        ("codex", "codexes", "codices"),
        ("salesman", "salesmans", "salesmen"),
        ("salesperson", "salespersons", "salespeople"),
        ("grandchild", "grandchilds", "grandchildren"),
        ("fez", "fezes", "fezzes"),
        ("plateau", "plateaus", "plateaux"),
        ("staff", "staffs", "staff"),
        ("metadata", "metadatas", "metadata"),
        ("products", "productses", "products"),
    ],
)
def test_uncertain_plural_is_reported_with_candidates(name: str, former: str, other: str) -> None:
    thing = {"name": name, "fields": {"title": "str"}}
    assert domain_problem([thing]) == (
        f"{name}: its plural is uncertain: set `plural: {former}`, which keeps an existing table, or `plural: {other}`."
    )
    for plural in (former, other):
        assert domain_problem([thing | {"plural": plural}]) == ""


@pytest.mark.parametrize(
    ("name", "fix", "former_fix"),
    [
        (
            "accommodation_xy_radius",
            "set `plural: accommodation_xy_radii`.",
            "state the previous one, such as `{name: accommodation_xy_radius, plural: accommodation_xy_radii}`.",
        ),
        (
            "accommodation_xyz_matrix",
            "set `plural:` to a word of up to 24 characters.",
            "state the previous one by `plural:` in `was`.",
        ),
    ],
    ids=["one", "both"],
)
def test_too_long_plural_is_not_recommended(name: str, fix: str, former_fix: str) -> None:
    thing = {"name": name, "fields": {"title": "str"}}
    assert domain_problem([thing]) == f"{name}: its plural is uncertain: {fix}"
    assert domain_problem([PERSON | {"was": name}]) == f"person: was: the plural of {name} is uncertain: {former_fix}"


@pytest.mark.parametrize(
    "name", ["address", "analysis", "bus", "case_status", "cliff", "hero", "location", "man", "news", "photo", "video"]
)
def test_certain_plural_needs_no_declaration(name: str) -> None:
    assert domain_problem([{"name": name, "fields": {"title": "str"}}]) == ""


def test_uncertain_former_plural_is_reported_with_candidates() -> None:
    assert domain_problem([PERSON | {"was": "scarf"}]) == (
        "person: was: the plural of scarf is uncertain: state the previous one, such as "
        "`{name: scarf, plural: scarfs}` or `{name: scarf, plural: scarves}`."
    )


def test_most_nouns_for_random_domains_are_accepted_as_names() -> None:
    refused = [noun for noun in NOUNS if domain_problem([{"name": noun, "fields": {"a": "int"}}])]
    assert len(refused) < len(NOUNS) / 10, refused


NOUN_FIELDS = {"title": "str", "text": "text?", "amount": "decimal"}


@pytest.mark.parametrize(
    "name",
    [
        *("transaction", "table", "provider", "letter", "issuer", "health", "server", "setting", "event", "message"),
        *("session", "order", "query", "page", "text", "news", "cache", "database", "email", "map"),
    ],
)
def test_resource_name_without_conflict_is_accepted(name: str) -> None:
    assert domain_problem([{"name": name, "fields": NOUN_FIELDS}]) == ""


@pytest.mark.parametrize("name", ["errors", "sqlite", "cache", "websockets", "database", "kubernetes", "main"])
def test_resource_named_like_feature_or_module_is_accepted(name: str) -> None:
    (resource,) = read_domain([{"name": name, "plural": "records", "fields": NOUN_FIELDS}])
    assert resource.name == name


@pytest.mark.parametrize("name", sorted(IMPORTED | {"Config", "Exception", "ConnectionError", "UserWarning"}))
def test_model_class_named_like_imported_class_has_suffix(name: str) -> None:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if not domain_problem([{"name": snake, "plural": "records", "fields": NOUN_FIELDS}]):
        (resource,) = read_domain([{"name": snake, "plural": "records", "fields": NOUN_FIELDS}])
        assert resource.class_name == f"{resource.prefix}Model"


def test_model_classes_not_named_like_module_are_reserved() -> None:
    models = (ROOT / "template" / "app" / "models").glob("*.py")
    by_stem = {path.stem: re.findall(r"^class (\w+)\(.*Base\)", path.read_text(), re.MULTILINE) for path in models}
    others = {name for stem, names in by_stem.items() for name in names if name != camel(stem)}
    assert others | {"HardJot", "Jot", "SoftJot"} == MODELS


def test_reserved_names_include_python_builtins() -> None:
    names = {name for name in vars(builtins) if re.fullmatch(r"[a-z]+(_[a-z]+)*", name)}
    assert names <= BUILTINS
    assert {name for name in vars(builtins) if name[0].isupper()} - {"None", "True", "False"} <= BUILTIN_CLASSES


def test_row_variable_named_like_module_variable_has_underscore() -> None:
    (resource,) = read_domain([{"name": "session", "plural": "links", "fields": NOUN_FIELDS}])
    assert (resource.variable, resource.alias, resource.class_name) == ("session_", "links_", "SessionModel")
    assert {"session", "links", "map", "filter", "now"} <= VARIABLES


def test_uncountable_noun_has_alias_with_underscore() -> None:
    (news,) = read_domain([{"name": "news", "fields": NOUN_FIELDS}])
    assert (news.plural, news.alias) == ("news", "news_")


@pytest.mark.parametrize("name", ["ctid", "xmin", "tableoid"])
def test_field_named_like_system_column_is_reported(name: str) -> None:
    domain = [{"name": "thing", "fields": {name: "int"}}]
    assert domain_problem(domain) == (
        f"thing.{name}: {name} is a system column of PostgreSQL: choose another name, such as {name}_value."
    )


THING: dict[str, Any] = {"name": "thing", "fields": {"title": "str"}}
LINK = {"type": "ref", "to": "thing"}


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"name": "connection", "fields": {"error": "text?"}}, "its class ConnectionError"),
        ({"name": "seat", "fields": {"row": {"type": "int", "ge": 1}}}, "its class SeatRow"),
        ({"name": "contact", "fields": {"relationship": "str"}}, "a name that SQLAlchemy uses in a class"),
        ({"name": "line", "fields": {"model": {"type": "enum", "values": ["a", "b"]}}}, "its class LineModel"),
        ({"name": "validation", "fields": {"error": {"type": "enum", "values": ["a"]}}}, "its class ValidationError"),
        ({"name": "box", "fields": {"l": "int"}}, "looks like 1 in code"),
        ({"name": "thing_part", "fields": {"count": "int"}}, "its index ix_thing_parts_count is that of thing, too"),
        ({"name": "sqlite_thing", "fields": {"count": "int"}}, "begins with sqlite_"),
    ],
)
def test_name_conflict_within_domain_is_reported(resource: dict[str, Any], words: str) -> None:
    domain = [THING | {"fields": {"parts_count": "int"}, "plural": "thing"}, resource]
    assert words in domain_problem(domain)


@pytest.mark.parametrize(
    "fields",
    [
        {"valid": "bool", "valid_from": "date"},
        {"read": "bool"},
        {"model_number": "str", "model_name": "str"},
        {"row": "int", "client": "str", "first": LINK},
    ],
)
def test_field_name_without_conflict_is_accepted(fields: dict[str, Any]) -> None:
    assert domain_problem([THING, {"name": "offer", "fields": fields}]) == ""


@pytest.mark.parametrize("name", ["model_dump_json", "model_validate_1", "ctid", "l", "metadata", "construct"])
def test_field_name_suggested_in_error_has_no_conflict(name: str) -> None:
    problem = domain_problem([{"name": "thing", "fields": {name: "int"}}])
    suggested = problem.rstrip(".").rsplit(" ", 1)[-1]
    assert domain_problem([{"name": "thing", "fields": {suggested: "int"}}]) == "", problem


def test_resource_name_suggested_in_error_has_no_conflict() -> None:
    for name in ("file", "user", "role", "some", "value", "change", "api_key", "refresh_token"):
        problem = domain_problem([{"name": name, "fields": NOUN_FIELDS}])
        suggested = problem.rstrip(".").rsplit(" ", 1)[-1]
        key = "plural" if "`plural:`" in problem else "name"
        assert domain_problem([{"name": name, "fields": NOUN_FIELDS} | {key: suggested}]) == "", problem


def test_sample_domain_has_only_product() -> None:
    assert [resource["name"] for resource in SAMPLE] == ["product"]


# ── JSON Schema of the language, for completion in editors ────────────────────────────────────────


def matches_schema(domain: object) -> bool:
    document = json.loads(json.dumps({"resources": domain}, default=str))  # dates are strings in JSON
    return bool(Draft202012Validator(schema()).is_valid(document))


@pytest.mark.parametrize("was", ["child", {"name": "child"}, {"name": "child", "plural": "kids"}], ids=str)
def test_json_schema_accepts_renamed_resource(was: object) -> None:
    assert matches_schema([PERSON | {"was": was}])


def test_committed_json_schema_is_up_to_date() -> None:
    written = json.loads((ROOT / "resources.schema.json").read_text(encoding="utf-8"))
    assert written == schema(), "uv run python -m tests.harness.combinations.resource_schema > resources.schema.json"
    Draft202012Validator.check_schema(written)


@settings(max_examples=100, deadline=None)
@given(domains)
def test_random_domain_matches_json_schema(domain: list[Any]) -> None:
    assert matches_schema(domain)


@pytest.mark.parametrize("name", DOMAINS)
def test_example_domain_matches_json_schema(name: str) -> None:
    assert matches_schema(DOMAINS[name])


@pytest.mark.parametrize(
    "fields",
    [
        {"a": "strg"},
        {"a": {"type": "str", "max_lenght": 3}},
        {"a": {"type": "bool", "max_length": 3}},
        {"a": {"type": "enum"}},
        {"a": {"type": "ref"}},
        {"a": {"type": "str", "was": 7}},
        {"Name": "str"},
        {},
    ],
    ids=str,
)
def test_json_schema_rejects_common_mistakes(fields: dict[str, Any]) -> None:
    assert not matches_schema([{"name": "thing", "fields": fields}])
