"""Refresh token in an HttpOnly cookie, with a check of the request's origin (CSRF).

`revocation_session` commits the revocation of a reused token.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.auth.local.accounts import SIGNER, TRUSTED_ORIGINS
from app.database import SESSIONS
from app.errors import Forbidden, Unauthenticated
from app.middleware import host_of
from app.routing.root_path import root_path
from app.schemas.auth import RefreshRequest, TokenPair
from app.services.auth import ReusedRefreshToken
from app.settings import PREFIX

COOKIE_NAME = "__Secure-refresh"
COOKIE_PATH = f"{PREFIX}/auth"
TRUSTED_SITES = frozenset({"none", "same-origin", "same-site"})  # values of Sec-Fetch-Site


class RefreshCookie:
    """Reads a request's refresh token, and sets or deletes its cookie.

    The token is in the body, or in an HttpOnly, SameSite cookie.
    """

    def __init__(self, request: Request, response: Response) -> None:
        self.request = request
        self.response = response

    def store(self, tokens: TokenPair, *, in_cookie: bool) -> TokenPair:
        """Return the login response; move its refresh token into the cookie if requested.

        The response is not cacheable (RFC 6749, section 5.1).
        """
        self.response.headers["Cache-Control"] = "no-store"
        if not in_cookie or tokens.refresh_token is None:
            return tokens
        self._set(tokens.refresh_token, SIGNER.get(self.request.app).config.refresh_days)
        return tokens.model_copy(update={"refresh_token": None})

    def rotate(self, body: RefreshRequest | None, tokens: TokenPair) -> TokenPair:
        """Return the response to a token refresh, with the new tokens.

        If the cookie held the old token, put the new token into the cookie.
        """
        return self.store(tokens, in_cookie=body is None or body.refresh_token is None)

    def refresh_token(self, body: RefreshRequest | None) -> SecretStr:
        """Return the refresh token from the body, else from the cookie.

        Raises:
            Unauthenticated: there is no refresh token.
            Forbidden: a page of an untrusted origin sent the cookie (CSRF).
        """
        if body and body.refresh_token:
            return body.refresh_token
        if COOKIE_NAME not in self.request.cookies:
            message = "Missing refresh token: send it in the body or in the cookie."
            raise Unauthenticated(message)
        if not self._is_trusted_origin():
            message = (
                "Cross-site request: the refresh cookie is accepted from trusted origins only."
            )
            raise Forbidden(message)
        return SecretStr(self.request.cookies[COOKIE_NAME])

    def pop(self, body: RefreshRequest | None) -> SecretStr:
        """Return the refresh token, and delete the cookie from the browser."""
        token = self.refresh_token(body)
        self._set("", 0)
        return token

    def _set(self, value: str, days: int) -> None:
        self.response.set_cookie(
            COOKIE_NAME,
            value,
            max_age=days * 86_400,
            path=f"{root_path(self.request.scope)}{COOKIE_PATH}",
            secure=True,  # also behind a proxy that terminates TLS; browsers trust localhost
            httponly=True,
            samesite="strict",
        )

    def _is_trusted_origin(self) -> bool:
        """Return whether a page of this service or of an allowed origin sent the request."""
        headers = self.request.headers
        origin = headers.get("origin", "")
        if origin in TRUSTED_ORIGINS.get(self.request.app):
            return True
        if site := headers.get("sec-fetch-site"):
            return site in TRUSTED_SITES
        return bool(origin) and host_of(origin) == headers.get("host")


async def refresh_cookie(request: Request, response: Response) -> RefreshCookie:
    """Return a `RefreshCookie` for the current request (a dependency)."""
    return RefreshCookie(request, response)


Cookies = Annotated[RefreshCookie, Depends(refresh_cookie)]


async def revocation_session(connection: HTTPConnection) -> AsyncGenerator[AsyncSession, None]:
    """Open a transaction that commits even if a reused refresh token is rejected.

    Otherwise the error would roll back the revocation of the token family.
    """
    reused = None
    async with SESSIONS.get(connection.app).begin() as session:
        try:
            yield session
        except ReusedRefreshToken as error:
            reused = error
    if reused:
        raise reused


RevocationSession = Annotated[AsyncSession, Depends(revocation_session, scope="function")]
