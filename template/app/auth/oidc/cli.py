"""Commands for the accounts of users at an OpenID Connect provider."""

from app.auth import admin


async def create_admin(email: str) -> str:
    """Assign the administrator role to a user, even before the user's first login."""
    address = admin.parse_email(email)
    async with admin.session_factory() as sessions, sessions.begin() as session:
        await admin.grant_admin(session, address)
    return f"Granted the administrator role to {address}; it applies from the next login."
