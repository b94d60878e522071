"""What is done to accounts from the command line; each gives what is printed in the end."""

import sys
from getpass import getpass

from pydantic import TypeAdapter, ValidationError

from app import administration, hashing, settings
from app.schemas.login import NewPassword
from app.services import login, user
from app.signing import AuthSettings, Signer


async def create_admin(email: str) -> str:
    """Make an administrator; the password is asked for, or read from a pipe."""
    address = administration.address(email)
    kept = await hashing.hashed(_password())
    async with administration.sessions() as made, made.begin() as session:
        appointed = await administration.appoint(session, address)
        await login.set_password(session, appointed.id, kept)
    return f"{address} may do everything."


async def token(email: str) -> str:
    """Print an access token of a user, to try the API with."""
    signer = Signer(settings.read(AuthSettings))
    async with administration.sessions() as made:
        found = await user.named(made, administration.address(email))
    if found is None:
        sys.exit(f"There is no user {email}.")
    return login.access_token(signer, found)


def _password() -> str:
    given = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        return TypeAdapter(NewPassword).validate_python(given).get_secret_value()
    except ValidationError:
        sys.exit("A password has 12 to 128 characters.")
