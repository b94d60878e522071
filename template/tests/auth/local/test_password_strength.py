"""Tests of the strength of new passwords."""

from unittest.mock import patch

import pytest
import zxcvbn_rs_py
from pydantic import SecretStr

from app.auth.local import password_strength
from app.auth.local.password_strength import MAX_ESTIMATED, explain_weakness, require_strength
from app.errors import Invalid

EMAIL = "ann.smith@example.com"


@pytest.mark.parametrize(
    "password",
    ["password1234", "aaaaaaaaaaaa", "123456789012", "qwertyuiop123", "P4ssw0rd!2024", " " * 12],
)
def test_common_password_is_weak(password: str) -> None:
    reason = explain_weakness(password)
    assert reason
    assert reason.startswith("The password is too easy to guess: ")
    assert password not in reason


@pytest.mark.parametrize(
    "password", [EMAIL, EMAIL.upper(), "ann-smith-2026!", "example.com!!", "Smith, Ann Smith"]
)
def test_password_of_account_words_is_weak(password: str) -> None:
    reason = explain_weakness(password, EMAIL)
    assert reason == (
        "The password is too easy to guess: it consists mostly of words of the account."
    )


def test_context_words_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain_weakness("globex-portal-globex", EMAIL) is None
    monkeypatch.setattr(password_strength, "CONTEXT_WORDS", ("Globex Portal",))
    assert explain_weakness("globex-portal-globex", EMAIL)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "x7#Lq9vTz2Wm", "ann likes purple elephants", "größtenteils"],
)
def test_strong_password_is_accepted(password: str) -> None:
    require_strength(SecretStr(password), "password", EMAIL)


def test_weak_password_error_names_its_field() -> None:
    with pytest.raises(Invalid) as raised:
        require_strength(SecretStr("password1234"), "new", EMAIL)
    (problem,) = raised.value.errors
    assert (problem.location, problem.code) == ("body.new", "weak_password")


def test_only_beginning_of_long_password_is_estimated() -> None:
    with patch.object(zxcvbn_rs_py, "zxcvbn", side_effect=zxcvbn_rs_py.zxcvbn) as estimate:
        assert explain_weakness("correct horse battery staple" * 4) is None
    assert len(estimate.call_args.args[0]) == MAX_ESTIMATED  # else, it could take seconds
