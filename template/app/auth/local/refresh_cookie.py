"""What refreshing takes: a cookie for browsers, and a session that keeps what a theft leads to."""

from collections.abc import AsyncGenerator
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.auth.local.accounts import OWN_ORIGINS, SIGNER
from app.database import SESSIONS
from app.errors import Forbidden, Unauthenticated
from app.schemas.auth import RefreshRequest, TokenPair
from app.services.auth import ReusedRefreshToken
from app.settings import PREFIX

NAME = "__Secure-refresh"
PATH = f"{PREFIX}/auth"
OWN = frozenset({"none", "same-origin", "same-site"})  # of Sec-Fetch-Site


class RefreshCookie:
    """A request's refresh token in a cookie, which no script reads and no other site sends."""

    def __init__(self, request: Request, response: Response) -> None:
        self.request = request
        self.response = response

    def keep(self, grant: TokenPair, *, wanted: bool) -> TokenPair:
        """Move the refresh token into a cookie, where that is wanted; nobody caches the answer."""
        self.response.headers["Cache-Control"] = "no-store"
        if not wanted or grant.refresh_token is None:
            return grant
        self._set(grant.refresh_token, SIGNER.get(self.request.app).config.refresh_days)
        return grant.model_copy(update={"refresh_token": None})

    def renew(self, given: RefreshRequest | None, grant: TokenPair) -> TokenPair:
        """Keep the next refresh token where the last one was."""
        return self.keep(grant, wanted=given is None or given.refresh_token is None)

    def secret(self, given: RefreshRequest | None) -> SecretStr:
        """Give the refresh token of the body, else of the cookie.

        Raises:
            Unauthenticated: there is none.
            Forbidden: another site had the cookie sent.
        """
        if given and given.refresh_token:
            return given.refresh_token
        if NAME not in self.request.cookies:
            message = "There is no refresh token, in the body or the cookie."
            raise Unauthenticated(message)
        if not self._is_own():
            message = "The cookie is taken from this service's own pages only."
            raise Forbidden(message)
        return SecretStr(self.request.cookies[NAME])

    def taken(self, given: RefreshRequest | None) -> SecretStr:
        """Give the refresh token, and have the browser forget its cookie."""
        found = self.secret(given)
        self._set("", 0)
        return found

    def _set(self, value: str, days: int) -> None:
        self.response.set_cookie(
            NAME,
            value,
            max_age=days * 86_400,
            path=PATH,
            secure=True,  # whatever a proxy in front speaks; browsers take localhost for secure
            httponly=True,
            samesite="strict",
        )

    def _is_own(self) -> bool:
        """Say whether a page of this service, or of an allowed origin, sent the request."""
        headers = self.request.headers
        origin = headers.get("origin", "")
        if origin in OWN_ORIGINS.get(self.request.app):
            return True
        if site := headers.get("sec-fetch-site"):
            return site in OWN
        return bool(origin) and urlsplit(origin).netloc == headers.get("host")


async def refresh_cookie(request: Request, response: Response) -> RefreshCookie:
    """Give the cookie of this request."""
    return RefreshCookie(request, response)


Cookies = Annotated[RefreshCookie, Depends(refresh_cookie)]


async def revocation_session(connection: HTTPConnection) -> AsyncGenerator[AsyncSession, None]:
    """Commit what a replayed token leads to, too, and only then tell the error."""
    replayed = None
    async with SESSIONS.get(connection.app).begin() as session:
        try:
            yield session
        except ReusedRefreshToken as error:
            replayed = error
    if replayed:
        raise replayed


RevocationSession = Annotated[AsyncSession, Depends(revocation_session, scope="function")]
