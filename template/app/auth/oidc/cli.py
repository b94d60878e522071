"""What is done from the command line to users whom an identity provider knows."""

from app.auth import admin


async def create_admin(email: str) -> str:
    """Make an administrator of whoever signs in with this address."""
    address = admin.parse_email(email)
    async with admin.sessions() as made, made.begin() as session:
        await admin.grant_admin(session, address)
    return f"{address} may do everything, once they sign in."
