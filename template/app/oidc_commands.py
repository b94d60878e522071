"""What is done from the command line to users whom an identity provider knows."""

from app import administration


async def create_admin(email: str) -> str:
    """Make an administrator of whoever signs in with this address."""
    address = administration.address(email)
    async with administration.sessions() as made, made.begin() as session:
        await administration.appoint(session, address)
    return f"{address} may do everything, once they sign in."
