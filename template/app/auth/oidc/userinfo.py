"""Cache of userinfo responses, so that a rejected caller does not cost a request each time.

A user with an account needs no userinfo request. Callers without one are rejected at each request,
and may continue.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from httpx2 import AsyncClient

from app.auth.oidc.provider import Provider
from app.auth.token_hashing import digest
from app.errors import Unauthenticated

MAX_AGE = 60.0  # seconds for which a response is used
MAX_RESPONSES = 1000  # the oldest are dropped
REJECTED = "The identity provider rejected this token. Log in again."

Claims = dict[str, Any]


@dataclass
class Response:
    """A userinfo response, which may be pending; its claims are None if the token is rejected."""

    claims: asyncio.Task[Claims | None]
    requested_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Return whether the response is young enough to be used."""
        return time.monotonic() - self.requested_at <= MAX_AGE


@dataclass
class UserinfoCache:
    """The latest userinfo responses by digest of the token, oldest first."""

    provider: Provider
    names: set[str]  # claims that are stored
    responses: dict[str, Response] = field(default_factory=dict)

    async def get(self, client: AsyncClient, token: str) -> Claims:
        """Return the userinfo claims of a token; concurrent callers share one request.

        Raises:
            Unauthenticated: the provider rejected the token.
            Unavailable: the provider does not respond; this is not cached.
        """
        key = digest(token)
        self._evict()
        if key not in self.responses:
            task = asyncio.create_task(self._request(client, token))
            self.responses[key] = Response(task)
            task.add_done_callback(lambda task: self._drop_failure(key, task))
        # Shielded: a client that disconnects must not cancel the request of the others.
        claims = await asyncio.shield(self.responses[key].claims)
        if claims is None:
            raise Unauthenticated(REJECTED)
        return claims

    async def _request(self, client: AsyncClient, token: str) -> Claims | None:
        claims = await self.provider.userinfo(client, token)
        return claims and {name: claims[name] for name in self.names & claims.keys()}

    def _evict(self) -> None:
        """Drop outdated responses, and the oldest one if there are too many."""
        while self.responses:
            oldest = next(iter(self.responses))
            if self.responses[oldest].is_fresh and len(self.responses) < MAX_RESPONSES:
                return
            del self.responses[oldest]

    def _drop_failure(self, key: str, task: asyncio.Task[Claims | None]) -> None:
        if task.cancelled() or task.exception():
            self.responses.pop(key, None)
