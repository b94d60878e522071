"""Commands for the accounts of users at an OpenID Connect provider."""

from app import settings
from app.auth import admin
from app.auth.oidc.accounts import RoleSettings


async def create_admin(email: str) -> str:
    """Assign the administrator role to a user, even before the user's first login.

    With `OIDC_ROLES`, the message says that the token determines the role.
    """
    address = admin.parse_email(email)
    async with admin.session_factory() as sessions, sessions.begin() as session:
        await admin.grant_admin(session, address)
    message = f"Granted the administrator role to {address}"
    if not settings.read(RoleSettings).roles:
        return f"{message}. It applies at once, or from the first login if there was none."
    return f"{message} until the next request, whose token determines the role (OIDC_ROLES)."
