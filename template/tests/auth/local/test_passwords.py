"""Passwords: compared at the same cost, whoever it is."""

from unittest.mock import patch

from pwdlib.hashers.argon2 import Argon2Hasher

from app.auth.local import passwords
from tests.support.local import HASHED, PASSWORD


async def test_a_password_is_known_again() -> None:
    kept = await passwords.hash_password(PASSWORD)
    assert PASSWORD not in kept
    assert await passwords.verify_password(PASSWORD, kept) == (True, None)
    assert await passwords.verify_password(f"{PASSWORD}!", kept) == (False, None)


async def test_an_outdated_hash_is_renewed() -> None:
    right, renewed = await passwords.verify_password(PASSWORD, HASHED)
    assert right
    assert renewed
    assert await passwords.verify_password(PASSWORD, renewed) == (True, None)


async def test_nobody_costs_as_much_as_somebody() -> None:
    with patch.object(
        Argon2Hasher, "verify", autospec=True, side_effect=Argon2Hasher.verify
    ) as seen:
        assert await passwords.verify_password(PASSWORD, None) == (False, None)
    (call,) = seen.call_args_list
    assert call.args[2].startswith(HASHED[:10])
    parameters = [
        hashed.split("$")[3] for hashed in (call.args[2], await passwords.hash_password("x"))
    ]
    assert parameters[0] == parameters[1]
