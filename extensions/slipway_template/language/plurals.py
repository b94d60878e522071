"""Form the plurals of nouns, and return candidates where English has no rule.

The guesses of `plural_of` never change, since existing services have tables of these names.
"""

from __future__ import annotations

import re

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
# Nouns that end as in `UNCERTAIN`, with a regular plural.
REGULAR = frozenset(
    """
    belief brief cafe chef chief gulf motif proof reef relief roof safe
    auto casino combo condo demo disco euro intro kilo libro logo macro memo micro photo piano polo promo pro repo
    retro solo tempo turbo typo
    bonus bus campus census chorus circus consensus minibus plus prospectus status surplus virus
    album drum forum gymnasium museum premium quorum stadium sum
    agenda alpha area arena aroma banana beta camera cinema delta diploma drama gamma idea opera panorama persona
    pizza plaza quota replica saga sauna schema sofa theta umbrella veranda villa visa zebra
    affix annex apex complex crucifix duplex fix index infix latex mix prefix reflex remix simplex suffix
    german human roman shaman talisman
    alias atlas bias canvas gas lens
    """.split()  # noqa: SIM905
)
# Nouns with other endings that are irregular, uncounted or plural.
ODD = {
    "bacteria": "bacteria",
    "chassis": "chassis",
    "criteria": "criteria",
    "data": "data",
    "die": "dice",
    "epoch": "epochs",
    "louse": "lice",
    "media": "media",
    "metadata": "metadata",
    "monarch": "monarchs",
    "passerby": "passersby",
    "stomach": "stomachs",
    "strata": "strata",
    "tech": "techs",
    **{
        noun: noun
        for noun in """
        advice aircraft baggage cattle children deer evidence feet fish furniture hardware luggage men merchandise mice
        moose offspring people police research salmon shrimp spacecraft staff teeth traffic trout women
        """.split()  # noqa: SIM905
    },
}
# Endings of nouns whose plural depends on the noun, and of the plurals that are not regular. The first match counts.
UNCERTAIN = (
    (r"(?<=.)child$", "children"),
    (r"(?<=.)person$", "people"),
    (r"(?<=.)foot$", "feet"),
    (r"(?<=.)tooth$", "teeth"),
    (r"(?<=.)goose$", "geese"),
    (r"(?<=.)mouse$", "mice"),
    (r"man$", "men"),
    (r"(?<!f)fe?$", "ves"),
    (r"(?<=[^aeiou])o$", "oes"),
    (r"(?<=[^s])is$", "es"),
    (r"us$", "i"),
    (r"um$", "a"),
    (r"(eri|omen|omat|hedr|gangli)on$", r"\1a"),
    (r"ma$", r"\g<0>ta"),
    (r"a$", "ae"),
    (r"[ei]x$", "ices"),
    (r"eau$", "eaux"),
    (r"quy$", "quies"),
    (r"(?<=[aeiou])z$", "zzes"),
    (r"(?<=[^s])s$", "s"),  # already a plural
)


def plural_of(name: str) -> str:
    """Return the English plural of a snake_case name, whose last word changes."""
    *words, last = name.split("_")
    if last in UNCOUNTED:
        plural = last
    elif last in IRREGULAR:
        plural = IRREGULAR[last]
    elif re.search(r"[^aeiou]y$", last):
        plural = f"{last[:-1]}ies"
    elif last.endswith("sis"):
        plural = f"{last[:-2]}es"
    elif re.search(r"(s|x|z|ch|sh)$", last):
        plural = f"{last}es"
    else:
        plural = f"{last}s"
    return "_".join([*words, plural])


def candidates(name: str) -> tuple[str, ...]:
    """Return two plurals of a name whose plural is uncertain, that of `plural_of` first; empty if certain."""
    *words, last = name.split("_")
    if last in REGULAR or last in IRREGULAR or last in UNCOUNTED:
        return ()
    other = ODD.get(last, "")
    if not other and not last.endswith("sis"):
        changed = (re.sub(ending, plural, last) for ending, plural in UNCERTAIN if re.search(ending, last))
        other = next(changed, "")
    return (plural_of(name), "_".join([*words, other])) if other else ()
