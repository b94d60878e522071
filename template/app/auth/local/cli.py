"""Commands that create administrators and print access tokens.

Each function returns the output of its command.
"""

import sys
from datetime import timedelta
from getpass import getpass

from pydantic import TypeAdapter, ValidationError

from app import settings
from app.auth import admin
from app.auth.local import password_strength, passwords
from app.auth.local.tokens import AuthSettings, Signer
from app.models.audit_event import Action
from app.models.base import now
from app.schemas.auth import NewPassword
from app.services import audit_event as audit_events
from app.services import auth
from app.services import user as users
from app.services import user_session as user_sessions


async def create_admin(email: str) -> str:
    """Create an administrator; prompt for the password, or read it from standard input."""
    address = admin.parse_email(email)
    password_hash = await passwords.hash_password(_read_password(address))
    async with admin.session_factory() as sessions, sessions.begin() as session:
        user = await admin.grant_admin(session, address)
        await auth.set_password(session, user.id, password_hash)
    return f"Created administrator {address}."


async def token(email: str) -> str:
    """Return an access token of a user, for manual requests to the API."""
    signer = Signer(settings.read(AuthSettings))
    lifetime = timedelta(minutes=signer.config.access_minutes)
    address = admin.parse_email(email)
    async with admin.session_factory() as sessions, sessions.begin() as session:
        user = await users.lock_by_email(session, address)
        if user is None:
            sys.exit(
                f"User {address} does not exist. Register it, or run `app create-admin {address}`."
            )
        began = await user_sessions.begin(session, user, lifetime, "app token")
        target = ("user", user.id)
        await audit_events.record(session, Action.LOGIN, target, session=str(began.id))
        return auth.access_token(signer, began, now())


def _read_password(email: str) -> str:
    """Read a new password; exit with a message if it has a wrong length or is easy to guess."""
    text = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        password = TypeAdapter(NewPassword).validate_python(text).get_secret_value()
    except ValidationError:
        sys.exit("Invalid password: it must have 12 to 128 characters.")
    if reason := password_strength.explain_weakness(password, email):
        sys.exit(reason)
    return password
