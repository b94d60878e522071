"""What is done to accounts from the command line; each gives what is printed in the end."""

import sys
from getpass import getpass

from pydantic import TypeAdapter, ValidationError

from app import settings
from app.auth import admin
from app.auth.local import passwords
from app.auth.local.tokens import AuthSettings, Signer
from app.schemas.auth import NewPassword
from app.services import auth, user


async def create_admin(email: str) -> str:
    """Make an administrator; the password is asked for, or read from a pipe."""
    address = admin.parse_email(email)
    kept = await passwords.hash_password(_password())
    async with admin.sessions() as made, made.begin() as session:
        appointed = await admin.grant_admin(session, address)
        await auth.set_password(session, appointed.id, kept)
    return f"{address} may do everything."


async def token(email: str) -> str:
    """Print an access token of a user, to try the API with."""
    signer = Signer(settings.read(AuthSettings))
    async with admin.sessions() as made:
        found = await user.get_by_email(made, admin.parse_email(email))
    if found is None:
        sys.exit(f"There is no user {email}.")
    return auth.access_token(signer, found)


def _password() -> str:
    given = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        return TypeAdapter(NewPassword).validate_python(given).get_secret_value()
    except ValidationError:
        sys.exit("A password has 12 to 128 characters.")
