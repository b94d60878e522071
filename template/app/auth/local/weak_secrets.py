"""Detection of signing secrets that an attacker could guess: published ones, and patterns."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import log2

MIN_BITS = 80  # 32 random hexadecimal digits have about 100 by this estimate
WORDS = re.compile(
    r"admin|change[-_ ]?(me|this)|default|development|example|key|password|postgres|secret|test"
    r"|token|your",
    re.IGNORECASE,
)
# Parts of secrets in this template, and in documentation that people copy from.
PUBLISHED = (
    "insecure",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's tutorial
    "a-string-secret-at-least-256-bits-long",  # jwt.io
    "-256-bit-secret",  # jwt.io
)


def is_guessable(secret: str) -> bool:
    """Return whether a secret is published, repeats a pattern, or has too little entropy."""
    lowercase = secret.lower()
    if any(part in lowercase for part in PUBLISHED) or _repeats(secret):
        return True
    return _entropy(WORDS.sub("", secret)) < MIN_BITS


def _repeats(secret: str) -> bool:
    """Return whether a secret consists of one part that occurs at least twice in a row."""
    lengths = range(1, len(secret) // 2 + 1)
    return any(secret[length:] == secret[:-length] for length in lengths)


def _entropy(secret: str) -> float:
    """Return an estimate of the entropy in bits.

    A sequence such as `abcdef` has different characters, but equal differences.
    """
    codes = [ord(character) for character in secret]
    differences = [after - before for before, after in pairwise(codes)]
    return min(_bits(codes), _bits(differences))


def _bits(values: Sequence[int]) -> float:
    """Return Shannon's entropy of all values together, by their frequencies."""
    return sum(count * log2(len(values) / count) for count in Counter(values).values())
