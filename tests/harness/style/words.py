"""Retired module names and phrases, which `tests/guidance/test_style.py` reports.

Each list names what the field calls otherwise: `listening` is `subscribe`, "told" is "returned", "logged" or "raised".
"""

from __future__ import annotations

# Names of modules and packages: bare gerunds, and metaphors. A test module is compared without `test_`.
RETIRED_MODULES = frozenset(
    {
        *("accepting", "asking", "broadcasting", "collecting", "comparing", "connecting", "counting", "doing"),
        *("forgetting", "keeping", "listening", "moving", "naming", "narrowing", "observing", "owning", "parting"),
        *("receiving", "refreshing", "relaying", "sending", "serving", "signing_in", "sniffing", "storing"),
        *("tagging", "telling"),
        *("chosen", "court", "crew", "crews", "digests", "discretion", "doors", "ears", "errand", "errands"),
        *("freshness", "futures", "jot", "jots", "journeys", "ledger", "letter", "letters", "oracle", "parts"),
        *("press", "presses", "verdict", "verdicts", "vitals", "warm", "wave"),
    }
)

# Patterns of phrases in the first lines of docstrings, by what the field writes in their place.
RETIRED_PHRASES = {
    r"told|tells?": "returned, raised, logged, reported, published",
    r"gone": "deleted, disconnected, missing",
    r"void": "revoked, invalidated, expired",
    r"dear": "expensive",
    r"mends?": "fix",
    r"clash(?:es)?": "conflict, duplicate",
    r"out of reach": "unavailable",
    r"let go": "disconnected, released",
    r"hears?": "subscribes, receives",
    r"again and again": "periodic, scheduled",
    r"somebody(?: else)?'s(?: own)?": "owned, of another user",
    r"whoever": "the caller, the current user",
    r"(?<!there )(?:is|are) no (?!longer\b|more\b)": "is not a, is invalid",
}

# First words of a docstring that make a clause of its subject.
CLAUSE_OPENERS = ("What", "Who", "Whose", "Whatever", "Whoever", "How", "Where", "Which")

# Starts of test names that hide the subject: an article, a pronoun or a clause.
RETIRED_TEST_PREFIXES = tuple(
    f"test_{word}_"
    for word in (
        *("a", "an", "the", "there", "where", "what", "whatever", "who", "whoever", "whose"),
        *("nobody", "somebody", "nothing", "something"),
    )
)
MAX_TEST_WORDS = 12  # after `test_`

MAX_TOP_MODULES = 30  # directly in `app/`
MAX_MODULES = 20  # directly in any other package or folder of tests

COMMIT_SUBJECT = r"[A-Za-z0-9][\w ./`,&-]*: [a-z0-9`-].*[^.]"  # `area: imperative`
MAX_SUBJECT = 72
