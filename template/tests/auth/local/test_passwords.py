"""Tests of password hashing, also for unknown users (timing attack)."""

from unittest.mock import patch

from pwdlib.hashers.argon2 import Argon2Hasher

from app.auth.local import passwords
from tests.support.local import HASHED, PASSWORD


async def test_password_matches_its_hash() -> None:
    password_hash = await passwords.hash_password(PASSWORD)
    assert PASSWORD not in password_hash
    assert await passwords.verify_password(PASSWORD, password_hash) == (True, None)
    assert await passwords.verify_password(f"{PASSWORD}!", password_hash) == (False, None)


async def test_hash_with_outdated_parameters_is_replaced() -> None:
    matches, new_hash = await passwords.verify_password(PASSWORD, HASHED)
    assert matches
    assert new_hash
    assert await passwords.verify_password(PASSWORD, new_hash) == (True, None)


async def test_password_check_of_unknown_user_computes_a_hash() -> None:
    with patch.object(
        Argon2Hasher, "verify", autospec=True, side_effect=Argon2Hasher.verify
    ) as verify:
        assert await passwords.verify_password(PASSWORD, None) == (False, None)
    (call,) = verify.call_args_list
    dummy, real = call.args[2].split("$"), (await passwords.hash_password("x")).split("$")
    assert dummy[:4] == real[:4]  # algorithm, version and parameters
    assert list(map(len, dummy)) == list(map(len, real))  # salt and tag
