"""OpenID Connect in tests: the development provider in a thread, and its tokens."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from app.models.base import Base
from app.models.identity import Identity
from app.models.user import User
from development.identity_provider import AUDIENCE, IdentityProvider

OPEN: set[str] = set()  # routes without authentication
PROVIDER = IdentityProvider()


@contextmanager
def configured() -> Generator[dict[str, str], None, None]:
    """Run the identity provider; yield the environment variables that configure it."""
    with PROVIDER.running():
        yield {"OIDC_ISSUER": PROVIDER.url, "OIDC_AUDIENCE": AUDIENCE}


def credentials(user: User) -> list[Base]:
    """Return the row that links a user to the identity provider."""
    return [Identity(issuer=PROVIDER.url, subject=str(user.id), user_id=user.id)]


def token(user: User, issued: datetime | None = None, **claims: object) -> str:
    """Return a token of the identity provider for a user.

    `claims` replaces claims of the token.
    """
    times = {"iat": int(issued.timestamp())} if issued else {}
    return PROVIDER.token(user.email, sub=str(user.id), **times, **claims)
