"""An identity provider of the tests' own, and its tokens."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from app.models.identity import Identity
from app.models.user import User
from development.identity_provider import Issuer

OPEN: set[str] = set()  # routes that nobody has to be signed in for
ISSUER = Issuer()


@contextmanager
def configured() -> Generator[dict[str, str], None, None]:
    """Run the provider, and give the variables that name it."""
    with ISSUER.running():
        yield {"OIDC_ISSUER": ISSUER.url, "OIDC_AUDIENCE": "app"}


def credential(user: User) -> Identity:
    """Make what a user signs in with."""
    return Identity(issuer=ISSUER.url, subject=str(user.id), user_id=user.id)


def token(user: User, issued: datetime | None = None, **claims: object) -> str:
    """Sign a token about a user, with some claims changed."""
    times = {"iat": int(issued.timestamp())} if issued else {}
    return ISSUER.token(user.email, sub=str(user.id), **times, **claims)
