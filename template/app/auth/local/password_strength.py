"""Strength of new passwords, estimated with zxcvbn (D. Wheeler, USENIX Security 2016).

zxcvbn finds common passwords, names, words, dates, keyboard patterns and repetitions, and estimates
how many guesses an attacker needs. Words of the account, such as of its address, do not count.
"""

import re

from pydantic import SecretStr

from app.errors import FieldProblem, Invalid

# zxcvbn's score 3 of 4, "safely unguessable", begins at 10^8 guesses; its documentation rejects
# lower scores: https://github.com/dropbox/zxcvbn#usage
MIN_GUESSES = 8  # as a power of ten
# The time of an estimate grows faster than the square of the length: 1 s for 100 characters, and
# 20 ms for these. Further characters can only make a password stronger.
MAX_ESTIMATED = 32
MIN_WORD = 3  # characters; shorter parts of an address are in many words
# Words that are as easy to guess as the address, such as the names of your company and product.
CONTEXT_WORDS: tuple[str, ...] = ()
SEPARATOR = re.compile(r"[\W_]+")


def explain_weakness(password: str, *account: str) -> str | None:
    """Return why a password is too easy to guess; None if it is strong.

    `account` is what others know of the account, such as its e-mail address and its name.
    """
    from zxcvbn_rs_py import zxcvbn  # 10 MB of dictionaries, which most processes never need

    rest = _without(password, account_words(*account))
    estimate = zxcvbn(rest[:MAX_ESTIMATED])
    if estimate.guesses_log10 >= MIN_GUESSES:
        return None
    if rest != password:
        return "The password is too easy to guess: it consists mostly of words of the account."
    feedback = estimate.feedback
    warning = str(feedback.warning) if feedback and feedback.warning else "It has few characters."
    suggestions = map(str, feedback.suggestions if feedback else ())
    reason = " ".join([f"{warning[0].lower()}{warning[1:]}", *suggestions])
    return f"The password is too easy to guess: {reason}"


def require_strength(password: SecretStr, field: str, *account: str) -> None:
    """Reject a new password that is too easy to guess.

    Call it before a query that depends on whether the account exists. Otherwise, the response would
    reveal the account.

    Args:
        password: the new password
        field: the field of the request body, for the error
        account: what others know of the account, such as its e-mail address

    Raises:
        Invalid: the password is weak; the error says why.
    """
    if reason := explain_weakness(password.get_secret_value(), *account):
        problem = FieldProblem(location=f"body.{field}", message=reason, code="weak_password")
        raise Invalid(reason, errors=[problem])


def account_words(*account: str) -> list[str]:
    """Return the texts about an account, their parts and `CONTEXT_WORDS`, the longest first."""
    texts = [text.lower() for text in (*account, *CONTEXT_WORDS)]
    parts = [part for text in texts for part in (text, *text.split("@"), *SEPARATOR.split(text))]
    return sorted({part for part in parts if len(part) >= MIN_WORD}, key=len, reverse=True)


def _without(password: str, words: list[str]) -> str:
    """Return the rest of a password without some words, in upper or lower case."""
    if not words:
        return password
    return re.sub("|".join(map(re.escape, words)), "", password, flags=re.IGNORECASE)
