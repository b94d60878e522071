"""Hypothesis strategies for valid domains, and mistakes that make a domain invalid."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from extensions.slipway_template.language.domain import OPERATIONS, READERS
from extensions.slipway_template.language.parsing import domain_problem
from extensions.slipway_template.language.plurals import candidates, plural_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.domains import Domain

# Nouns of many trades, in several languages.
NOUNS = """
    answer batch client error item last low object_x place second statement target testimonial word adresse almacen
    angebot apartment artikel asset auto banana bestellung box branch bus candidate case_file chapter city cliente
    company contract course day_off diagnosis dish dossier eintrag employee enrolment equipo event facture family
    ficha flight hero hour invoice ispit journal kategoria kunde lease leaf lesson library_card libro machine man
    manufacturing_site_plan measure_2 membership message month news_item note offre order parcel patient payment
    person photo produkt quiz racun recette rezept school sesja shipment sprint stock_keeping_unit story studio
    subscription supplier survey ticket tier train unit uzytkownik utente vehicle visit voucher wallet warehouse
    widget wydarzenie x y1 zone
    date event filter health issuer letter map moment news number page provider query record server session setting
    table text transaction type
""".split()  # noqa: SIM905
ATTRIBUTES = """
    active address_line amount anzahl betrag body capacity class_name code colour comment count_2 currency
    day_of_week depth date_of_last_inspection depth_in_millimetres_x description duracion einheit end_date enabled
    festivo flag genre grade handle height iban imie isbn kind label latitude level mail menge mode montant name
    nom note nummer opis owner_name paid password phone place position priority rank rating reason ref_no remark
    role score sku slug stage started state status street summary target_value text tier title total type uhrzeit
    unit url_path value version visible weight width x y z z9 zip_code
""".split()  # noqa: SIM905
PATTERNS = (
    ("^[A-Z]{2}$", 2),
    ("^[A-Z]{3}-[0-9]{4,7}$", 11),
    (r"^\+?[0-9]{7,15}$", 16),
    ("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", 40),
    (r"^[^@\s]+$", 30),
    (r'^"\w{4,9}"$', 20),
    ("^(small|medium|large)$", 10),
    ("^it's [äöü]{2}$", 20),
)
ODD_STRINGS = [
    "password",
    "/tmp/x",  # noqa: S108 - only a string
    "{{ 7 * 7 }}",
    "{% raw %}",
    "{# no #}",
    "100 %s",
    "it's",
    'say "so"',
    "’curly’",  # noqa: RUF001
    "naïve",
    "价格",
    "سعر",
    "🚀",
    "$HOME",
    "a:b",
    "<b>",
    "`x`",
    "#1",
    "{x}",
    "%(here)s",
]
lines = st.one_of(
    st.sampled_from(ODD_STRINGS),
    st.text(
        st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"], exclude_characters="\\"), min_size=1, max_size=20
    ),
)


def without_none(**values_by_key: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of YAML
    return {key: value for key, value in values_by_key.items() if value is not None}


def optional_value(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def bounds(draw: st.DrawFn, numbers: st.SearchStrategy[Any]) -> dict[str, Any]:
    low, high = sorted([draw(numbers), draw(numbers)])
    lower = without_none(**{draw(st.sampled_from(["ge", "gt"])): draw(st.sampled_from([low, None]))})
    return lower | without_none(**{draw(st.sampled_from(["le", "lt"])): draw(st.sampled_from([high, None]))})


@st.composite
def defaulted(draw: st.DrawFn, field: dict[str, Any], usual: list[Any]) -> dict[str, Any]:
    """Draw an optional default from a field's bounds and usual values; a unique field gets none."""
    ends = [field[key] for key in ("ge", "gt", "le", "lt") if key in field]
    default = draw(optional_value(st.sampled_from([*usual, *ends]))) if not field.get("unique") else None
    return field | without_none(default=default)


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 3)) == 0:
        pattern, longest = draw(st.sampled_from(PATTERNS))
        return {
            "type": "str",
            "pattern": pattern,
            "max_length": longest,
            **without_none(unique=draw(optional_value(st.booleans()))),
        }
    most = draw(optional_value(st.integers(1, 500)))
    least = draw(optional_value(st.integers(0, most or 200)))
    default = draw(
        optional_value(lines.filter(lambda text: (least or 0) <= len(text) <= (most or 200)))
        if not least
        else st.none()
    )
    unique = None if default is not None else draw(optional_value(st.booleans()))
    return {"type": "str", **without_none(max_length=most, min_length=least, default=default, unique=unique)}


@st.composite
def texts(draw: st.DrawFn) -> dict[str, Any]:
    most = draw(optional_value(st.integers(20, 1_000_000)))
    return {"type": "text", **without_none(max_length=most, default=draw(optional_value(lines)))}


@st.composite
def decimals(draw: st.DrawFn) -> dict[str, Any]:
    digits = draw(st.integers(1, 15))
    places = draw(st.integers(0, digits))
    edge = 10**digits - 1
    numbers = st.integers(-edge, edge).map(lambda number: f"{number / 10**places:.{places}f}" if digits < 14 else "0")
    limits = draw(
        st.booleans().flatmap(lambda some: bounds(numbers.map(float)) if some and digits < 14 else st.just({}))
    )
    limits = {key: f"{value:.{places}f}" for key, value in limits.items()}
    unique = draw(optional_value(st.booleans()))
    field = {"type": "decimal", "max_digits": digits, "decimal_places": places, **limits, **without_none(unique=unique)}
    return draw(defaulted(field, [0, 1, "0.5", "-0"]))


def numbers_of(kind: str, numbers: st.SearchStrategy[Any], *more: str) -> st.SearchStrategy[dict[str, Any]]:
    usual = ["2026-01-31"] if kind == "date" else [0, 1]
    flags = st.fixed_dictionaries({}, optional={flag: st.booleans() for flag in more})
    field = st.builds(lambda limits, flag: {"type": kind, **limits, **flag}, st.just({}) | bounds(numbers), flags)
    return field.flatmap(lambda drawn: defaulted(drawn, usual))


SCALARS = st.one_of(
    strings(),
    texts(),
    decimals(),
    numbers_of("int", st.integers(-(2**31), 2**31 - 1) | st.integers(-100, 100), "unique", "index"),
    numbers_of("bigint", st.integers(-(2**63), 2**63 - 1), "unique"),
    numbers_of("float", st.floats(allow_nan=False, allow_infinity=False), "index"),
    numbers_of("date", st.dates().map(str), "unique"),
    st.sampled_from(
        [{"type": "int", "default": 0}, {"type": "bool", "default": True}, {"type": "json", "default": []}]
    ),
    st.sampled_from(
        ["bool", "datetime", "time", "uuid", "json", "email", "url", "int", "date?", "str", "text?", "float?"]
    ),
    st.builds(
        lambda values, default: {"type": "enum", "values": values, **({"default": values[0]} if default else {})},
        st.lists(lines, min_size=1, max_size=5, unique=True)
        | st.sampled_from([["A+", "A-", "a"], ["<", ">"], ["🚀", "-"], ["é", "e"]]),
        st.booleans(),
    ),
)


@st.composite
def references(draw: st.DrawFn, own: str, before: list[str], after: list[str]) -> dict[str, Any]:
    to = draw(st.sampled_from([own, *before, *before, *after]))
    optional = to not in before or draw(st.booleans())
    rules = ["restrict", "cascade", *(["set_null"] if optional else [])]
    rule = draw(optional_value(st.sampled_from(rules)))
    return {
        "type": "ref",
        "to": to,
        **without_none(optional=optional or None, on_delete=rule, unique=draw(optional_value(st.booleans()))),
    }


def former_name(name: str) -> str | dict[str, str]:
    """Return a previous name, with its plural if that is uncertain."""
    former = f"former_{name}"[:24].rstrip("_")
    return {"name": former, "plural": f"{former[:20].rstrip('_')}_all"} if candidates(former) else former


@st.composite
def resources(draw: st.DrawFn, name: str, before: list[str], after: list[str]) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=8, unique=True))
    fields: dict[str, Any] = {}
    for each in names:
        field = draw(st.one_of(SCALARS, SCALARS, references(name, before, after)))
        optional = isinstance(field, dict) and field["type"] != "ref" and draw(st.booleans())
        fields[each] = field | ({"optional": True} if optional else {}) if isinstance(field, dict) else field
        if isinstance(field, dict) and draw(st.integers(0, 9)) == 0:
            fields[each] |= {"was": f"former_{each}"[:24].rstrip("_")}
    together = (
        draw(optional_value(st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True)))
        if len(names) > 1
        else None
    )
    owner = draw(optional_value(st.booleans()))
    readers = READERS[-1:] if owner else READERS
    return {
        "name": name,
        **without_none(description=draw(optional_value(lines)), unique=together and [together]),
        **without_none(operations=draw(optional_value(st.lists(st.sampled_from(OPERATIONS), min_size=1, unique=True)))),
        **without_none(read=draw(optional_value(st.sampled_from(readers)))),
        **without_none(owner=owner, soft_delete=draw(optional_value(st.booleans()))),
        **without_none(plural=plural_of(name) if candidates(name) else None),
        **without_none(was=draw(optional_value(st.just(former_name(name))))),
        "fields": fields,
    }


@st.composite
def drafts(draw: st.DrawFn) -> Domain:
    names = draw(st.lists(st.sampled_from(NOUNS), min_size=1, max_size=4, unique=True))
    return [draw(resources(name, names[:place], names[place + 1 :])) for place, name in enumerate(names)]


def repaired(domain: Domain) -> Domain:
    """Remove the fields and resources that error messages name, until the domain is valid."""
    domain = copy.deepcopy(domain)
    for _ in range(200):
        problem = domain_problem(domain)
        if not problem:
            return domain
        place = problem.split(":")[0]
        resource = next((each for each in domain if each["name"] == place.split(".")[0]), domain[-1])
        field = place.partition(".")[2]
        if field in resource["fields"] and len(resource["fields"]) > 1:
            resource["unique"] = [names for names in resource.get("unique") or [] if field not in names]
            del resource["fields"][field]
        elif resource.pop("unique", None) is None:
            domain.remove(resource)
            removed = {resource["name"]}
            for each in domain:
                each["fields"] = {
                    name: "int" if isinstance(field, dict) and field.get("to") in removed else field
                    for name, field in each["fields"].items()
                }
    return []


domains: st.SearchStrategy[Domain] = drafts().map(repaired)


# ── Mistakes ──────────────────────────────────────────────────────────────────────────────────────


def with_field(name: str, field: object) -> Callable[[dict[str, Any]], None]:
    return lambda resource: resource["fields"].update({name: field})


def own_twice(resource: dict[str, Any]) -> None:
    """Add a field named `owner` to an owned resource, which already has one."""
    resource["fields"]["owner"] = {"type": "ref", "to": resource["name"], "optional": True}
    resource["owner"] = True


# A change of a resource, and words of the error message.
MISTAKES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (with_field("odd", "strg"), "Did you mean str"),
    (with_field("odd", {"type": "str", "max_lenght": 3}), "Did you mean max_length"),
    (with_field("odd", {"type": "bool", "max_length": 3}), "max_length"),
    (with_field("odd", {"max_length": 3}), "no type"),
    (with_field("odd", 7), "7"),
    (with_field("odd", {"type": "str", "max_length": "80"}), "whole number"),
    (with_field("odd", {"type": "str", "max_length": 501}), "501"),
    (with_field("odd", {"type": "str", "min_length": 5, "max_length": 3}), "min_length"),
    (with_field("odd", {"type": "str", "pattern": "["}), "regular expression"),
    (with_field("odd", {"type": "str", "pattern": "^(?=a)b$"}), "regular expression"),
    (with_field("odd", {"type": "str", "pattern": "abc"}), "begins with"),
    (with_field("odd", {"type": "str", "pattern": "^a$", "min_length": 3}), "pattern"),
    (with_field("odd", {"type": "int", "ge": 5, "le": 3}), "bounds"),
    (with_field("odd", {"type": "int", "ge": 1, "gt": 0}), "leave one out"),
    (with_field("odd", {"type": "int", "default": 1 << 31}), "default"),
    (with_field("odd", {"type": "int", "ge": 5, "default": 3}), "breaks ge"),
    (with_field("odd", {"type": "int", "unique": True, "default": 3}), "once"),
    (with_field("odd", {"type": "int", "ge": 1, "le": 3, "unique": True}), "few values"),
    (with_field("odd", {"type": "decimal", "max_digits": 16}), "15"),
    (with_field("odd", {"type": "decimal", "max_digits": 3, "decimal_places": 4}), "decimal_places"),
    (with_field("odd", {"type": "decimal", "ge": "0.001"}), "digits"),
    (with_field("odd", {"type": "date", "default": "tomorrow"}), "2026-01-31"),
    (with_field("odd", {"type": "enum"}), "values"),
    (with_field("odd", {"type": "enum", "values": [True, False]}), "quotes"),
    (with_field("odd", {"type": "enum", "values": ["a b", "a  b"]}), "both"),
    (with_field("odd", {"type": "enum", "values": ["a"], "default": "b"}), "There are: a"),
    (with_field("odd", {"type": "json", "default": {"a": 1}}), "default"),
    (with_field("odd", {"type": "ref"}), "to"),
    (with_field("odd", {"type": "ref", "to": "nowhere"}), "no resource"),
    (with_field("odd", {"type": "ref", "to": "nowhere", "on_delete": "explode"}), "explode"),
    (with_field("odd", {"type": "text", "unique": True}), "unique"),
    (with_field("odd", {"type": "str", "was": "odd"}), "present name"),
    (with_field("odd", {"type": "str", "was": "Strange"}), "lower_snake_case"),
    (with_field("Odd", "str"), "lower_snake_case"),
    (with_field("größe", "str"), "lower_snake_case"),
    (with_field("odd__one", "str"), "lower_snake_case"),
    (with_field("1st", "str"), "lower_snake_case"),
    (with_field("x" * 30, "str"), "24"),
    (with_field("class", "str"), "keyword"),
    (with_field("order", "int"), "SQL"),
    (with_field("id", "uuid"), "added by the template"),
    (with_field("created_at", "datetime"), "added by the template"),
    (with_field("metadata", "json"), "belongs to SQLAlchemy"),
    (with_field("page", "int"), "list"),
    (with_field("date", "date"), "Python"),
    (with_field("model_dump_all", "str"), "Pydantic"),
    (lambda resource: resource["fields"].update({True: "str"}), "quotes"),
    (lambda resource: resource["fields"].update({"price_9": "int", "price_9_from": "int"}), "filter of its lists"),
    (lambda resource: resource.update(fields={}), "no `fields:`"),
    (lambda resource: resource.update(fields={f"field_{number}": "int" for number in range(10_000)}), "10000"),
    (lambda resource: resource.update(feilds={}), "Did you mean fields"),
    (lambda resource: resource.update(unique=[["nowhere", "id"]]), "unknown value 'nowhere'"),
    (lambda resource: resource.update(unique="title"), "list"),
    (lambda resource: resource.update(operations=["lsit"]), "Did you mean list"),
    (lambda resource: resource.update(operations=[]), "some of"),
    (lambda resource: resource.update(read="signed-in"), "Did you mean signed_in"),
    (lambda resource: resource.update(read="everyone"), "public, signed_in, permission"),
    (lambda resource: resource.update(read=True), "public, signed_in, permission"),
    (lambda resource: resource.update(owner=True, read="public"), "remove `read` or `owner`"),
    (lambda resource: resource.update(owner="yes"), "true nor false"),
    (lambda resource: resource.update(owner=True, plural="owner"), "an owner of its own"),
    (own_twice, "the account"),
    (lambda resource: resource.update(soft_delete=1), "true nor false"),
    (lambda resource: resource.update(was=resource["name"], plural=None), "present name"),
    (lambda resource: resource.update(description="two\nlines"), "line break"),
    (lambda resource: resource.update(description='"""'), "quotes"),
    (lambda resource: resource.update(description="x" * 81), "80"),
    (lambda resource: resource.update(plural="files"), "plural"),
    (lambda resource: resource.update(plural="orders by"), "lower_snake_case"),
]
