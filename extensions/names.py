"""Names and words: which a resource may have, how they are told of, and what is made of them."""

from __future__ import annotations

import keyword
import re
import unicodedata
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from jinja2.ext import Extension
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable

TEMPLATE = Path(__file__).parent.parent / "template"
# Where a resource has modules of its own, which are called like it.
FOLDERS = (
    "app",
    *(f"app/{layer}" for layer in ("enums", "models", "routers", "schemas", "services")),
    "tests",
    "tests/factories",
)
LONGEST = {"name": 24, "field": 24, "ref": 21, "shown": 60, "member": 40}  # characters

OF_A_LIST = frozenset({"page", "size", "sort", "search", "offset"})
OF_A_ROW = frozenset({"id", "created_at", "updated_at", "deleted_at", "metadata", "registry", "type_annotation_map"})
OF_A_CLASS = frozenset({"create", "filter", "query", "read", "sort", "update"})  # ends of the names of classes
OF_PYTHON = frozenset({"bool", "cls", "date", "datetime", "dict", "float", "int", "list", "self", "str", "time"})
# Classes that the modules of a resource import; its own would hide one of the same name.
CLASSES = frozenset(
    """
    Annotated Any AsyncClient AsyncGenerator AsyncSession Base BigInteger Conflict CurrentUser Decimal Double
    EmailStr False Field Filters FiniteFloat ForeignKey Identified Integer Json Line Link Links Literal Mapped
    ModuleType Moment None NotFound Number Numeric Page Paging Query Reach ReadSchema ReadSession Record Schema
    Sequence Session Slice StrEnum StreamSession StreamingResponse String Text TimeOfDay Timestamped True
    UniqueConstraint User
    """.split()  # noqa: SIM905
)
# What these modules call or define, and a variable, an alias or a module that is called like the resource would hide.
WORDS = frozenset(
    """
    allow await bindparam bool changes check conditions contains count create csv date datetime delete described dict
    enumerated equals export factory field fields float flush found func get getattr int joinedload len links list
    made make method new next now number object objects owned pages payload pytest query range reach read records
    refer relationship remove router search select selects session setattr some str test tests time timedelta update
    uuid4 value values wanted
    """.split()  # noqa: SIM905
)
# What the design has announced, so that no table need be renamed once it arrives.
ANNOUNCED = frozenset(
    """
    agents api_keys auth cache celery email files fly identities jobs kubernetes local observability oidc passwords
    ratelimit refresh_tokens role roles taskiq tasks users websockets
    """.split()  # noqa: SIM905 - so many words are read as text
)
# Reserved by PostgreSQL 18 (appendix C), or a keyword that SQLite does not take for a name.
SQL = frozenset(
    """
    add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary
    both case cast check collate collation column commit concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user default deferrable
    delete desc distinct do drop else end escape except exists false fetch for foreign freeze from full grant
    group having if ilike in index initially inner insert intersect into is isnull join lateral leading left
    like limit localtime localtimestamp natural not nothing notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user set similar some symmetric system_user table
    tablesample then to trailing transaction true union unique update user using values variadic verbose when
    where window with
    """.split()  # noqa: SIM905
)

IRREGULAR = {
    "child": "children",
    "person": "people",
    "man": "men",
    "woman": "women",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "quiz": "quizzes",
    "ox": "oxen",
    "criterion": "criteria",
    "leaf": "leaves",
    "life": "lives",
    "wife": "wives",
    "knife": "knives",
    "shelf": "shelves",
    "half": "halves",
    "thief": "thieves",
    "loaf": "loaves",
    "wolf": "wolves",
    "calf": "calves",
    "self": "selves",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
    "echo": "echoes",
    "veto": "vetoes",
    "index": "indexes",
    "phenomenon": "phenomena",
}
UNCOUNTED = frozenset(
    ["equipment", "feedback", "information", "money", "news", "rice", "series", "sheep", "software", "species"]
)


class DomainError(ValueError):
    """The domain cannot be built as it is described; the message says where, why, and what to do."""


def refuse(place: str, problem: str) -> NoReturn:
    raise DomainError(f"{place}: {problem}" if place else problem)


def shown(value: object) -> str:
    """Show a scalar; name anything else, which may be as large as somebody likes."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    text = repr(value)
    return text if len(text) <= LONGEST["shown"] else f"{text[: LONGEST['shown']]}…"


def near(word: object, known: Iterable[str]) -> str:
    """Say what may have been meant, or what there is."""
    known = list(known)
    written = word if isinstance(word, str) else shown(word)  # never str() of a list: anchors expand it to gigabytes
    found = get_close_matches(written[:100], known, n=1)
    return f"Did you mean {found[0]}?" if found else f"There are: {', '.join(known)}."


def known_key(place: str, key: object, known: Iterable[str]) -> None:
    if not isinstance(key, str):
        refuse(place, f"{shown(key)} is no key; YAML reads on, off, yes and no as true and false, so put it in quotes.")
    if key not in known:
        refuse(place, f"there is no {shown(key)}. {near(key, known)}")


def line(place: str, value: object, longest: int) -> str:
    """Take one printable line."""
    if not isinstance(value, str):
        refuse(place, f"{shown(value)} is not text; put it in quotes.")
    if not value or value != value.strip():
        refuse(place, "it is empty, or begins or ends with a space.")
    if any(character in "\u2028\u2029" or unicodedata.category(character)[0] == "C" for character in value):
        refuse(place, "it holds a line break or another control character; leave it out.")
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in value)
    if len(value) + wide > longest:
        refuse(place, f"it is {len(value) + wide} characters wide; {longest} is the most.")
    return value


def choice(place: str, value: object, known: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in known:
        refuse(place, f"there is no {shown(value)}. {near(value, known)}")
    return value


@cache
def modules() -> frozenset[str]:
    """Name the modules of the service that a resource's own would replace."""
    sources = [path for folder in FOLDERS for path in TEMPLATE.glob(f"{folder}/*.py*")]
    stems = {path.name.split(".")[0] for path in sources if "{" not in path.name}
    return frozenset(stems | {stem.removeprefix("test_") for stem in stems}) - {"__init__", "__main__"}


def snake_case(place: str, name: object, kind: str) -> str:
    """Take `name` if it reads well in Python, in SQL and in a path."""
    if not isinstance(name, str):
        refuse(place, f"the {kind} {shown(name)} is not text; put it in quotes.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", plain)
        mend = "_".join(words).lower().lstrip("0123456789_")
        hint = f"; for example {mend[:30]}" if mend and keyword.iskeyword(mend) is False else ""
        refuse(place, f"the {kind} {shown(name)} is not in lower_snake_case, of a to z, 0 to 9 and single _{hint}.")
    if keyword.iskeyword(name):
        refuse(place, f"{name} is a keyword of Python; choose another {kind}.")
    return name


def plural_of(name: str) -> str:
    """Form the plural of the last word of a name, by the rules of English."""
    *words, last = name.split("_")
    if last in UNCOUNTED:
        found = last
    elif last in IRREGULAR:
        found = IRREGULAR[last]
    elif re.search(r"[^aeiou]y$", last):
        found = f"{last[:-1]}ies"
    elif last.endswith("sis"):
        found = f"{last[:-2]}es"
    elif re.search(r"(s|x|z|ch|sh)$", last):
        found = f"{last}es"
    else:
        found = f"{last}s"
    return "_".join([*words, found])


def resource_name(place: str, name: object, features: Iterable[str]) -> str:
    found = snake_case(place, name, "name")
    if len(found) > LONGEST["name"]:
        refuse(place, f"the name has {len(found)} characters; {LONGEST['name']} is the most.")
    if found in modules() or found in WORDS or camel(found) in CLASSES:
        refuse(place, f"{found} is the name of a part of the service; choose another, such as {found}_entry.")
    if found in ANNOUNCED or found in features:
        refuse(place, f"{found} is the name of a feature; choose another, such as {found}_entry.")
    return found


def plural_name(place: str, name: str, given: object) -> str:
    plural = plural_of(name) if given is None else snake_case(place, given, "plural")
    if plural == name:
        refuse(place, f"the plural of {name} is {name}, too; tell them apart by `plural:`, such as {name}_entries.")
    if len(plural) > LONGEST["name"]:
        refuse(
            place, f"the plural {plural} has {len(plural)} characters; {LONGEST['name']} is the most: set `plural:`."
        )
    if plural in SQL or plural in modules() or plural in WORDS or plural in ANNOUNCED:
        refuse(place, f"the plural {plural} is a word of SQL or of the service; set `plural:` to another.")
    return plural


def field_name(place: str, name: object, kind: str) -> str:
    found = snake_case(place, name, "name")
    longest = LONGEST["ref" if kind == "ref" else "field"]
    if len(found) > longest:
        refuse(place, f"the name has {len(found)} characters; {longest} is the most.")
    if found in OF_A_ROW or found == "owner_id":
        refuse(place, f"{found} comes by itself or belongs to the database layer; leave it out or choose another name.")
    if found in OF_A_LIST:
        refuse(place, f"{found} is a parameter of every list; choose another name.")
    if found in OF_PYTHON or hasattr(BaseModel, found) or found.startswith("model_"):
        refuse(place, f"{found} is a word that Python or Pydantic uses in a class; choose another name.")
    if found in OF_A_CLASS:
        refuse(place, f"{found} would clash with a class of the resource; choose another name.")
    if kind != "ref" and found in SQL:
        refuse(place, f"{found} is a reserved word of SQL; choose another name, such as {found}_value.")
    return found


def camel(name: str) -> str:
    """Name a class: `order_item` becomes `OrderItem`."""
    return "".join(word.capitalize() for word in name.split("_"))


def spaced(name: str) -> str:
    return name.replace("_", " ")


def article(words: str) -> str:
    """Put a or an before words, as one says it."""
    vowel = re.match(r"[aeio]|u(?!ni|s|t[ei])|ho(?:ur|nest|nou?r)|heir", words) and not re.match(r"eu|one|once", words)
    return f"an {words}" if vowel else f"a {words}"


def member(value: str) -> str:
    """Name the member of an enumeration: `in-progress` becomes `IN_PROGRESS`; other scripts go by Unicode's names."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", plain).strip("_").upper()
    if not name:
        spoken = "_".join(unicodedata.name(character, "") for character in value if character.isalnum())
        name = re.sub(r"\W+", "_", spoken)
    if len(name) > LONGEST["member"]:
        name = name[: LONGEST["member"]].rpartition("_")[0] or name[: LONGEST["member"]]
    return f"VALUE_{name}" if name[:1].isdigit() or name in {"I", "O", "MRO", "NAME", "VALUE"} else name


class Names(Extension):
    """Lets Copier load this module, which its neighbours import."""
