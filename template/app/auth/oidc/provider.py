"""An identity provider: what it says of itself (OpenID Connect Discovery 1.0), and its keys.

They are asked for as they are needed: by one request for all that wait, again for a key that is not
known, but never twice in a moment. While the provider is down, what is known stays good for a day.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
import structlog
from httpx2 import AsyncClient, HTTPError

from app.errors import Unavailable

WELL_KNOWN = "/.well-known/openid-configuration"
PATIENCE = 3.0  # seconds that an answer may take
PAUSE = 10.0  # seconds between one question and the next, whatever tokens come
FRESH = 600.0  # seconds after which keys are asked for again
STALE = 86_400.0  # seconds for which they are good while there is no answer

log = structlog.get_logger()


@dataclass
class Provider:
    """What is known of an identity provider, and since when (seconds of a clock that only runs)."""

    issuer: str
    description: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    told: float = float("-inf")
    asked: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def discovery(self) -> str:
        """The address at which it describes itself."""
        return f"{self.issuer.rstrip('/')}{WELL_KNOWN}"

    @property
    def age(self) -> float:
        """The seconds since it told its keys."""
        return time.monotonic() - self.told

    async def key(self, client: AsyncClient, name: str) -> jwt.PyJWK:
        """Find one of its keys by name.

        Raises:
            KeyError: it has none of that name.
            Unavailable: it does not answer, and has not for too long.
        """
        if name in self.keys and (self.age <= FRESH or (self.lock.locked() and self.age <= STALE)):
            return self.keys[name]
        async with self.lock:
            wanted = name not in self.keys or self.age > FRESH
            if wanted and time.monotonic() - self.asked > PAUSE:
                await self._ask(client)
        if self.age > STALE:
            message = "The identity provider does not answer."
            raise Unavailable(message)
        return self.keys[name]

    async def _ask(self, client: AsyncClient) -> None:
        """Have it describe itself, and tell its keys; keep what is known where it does not."""
        self.asked = time.monotonic()
        try:
            described = await self._get(client, self.discovery)
            if described["issuer"] != self.issuer:
                log.error("the identity provider calls itself otherwise", issuer=self.issuer)
                return
            told = jwt.PyJWKSet.from_dict(await self._get(client, described["jwks_uri"]))
        except (HTTPError, jwt.PyJWTError, LookupError, TypeError, ValueError) as error:
            log.warning("the identity provider does not answer", error=type(error).__name__)
            return
        signing = [key for key in told.keys if key.public_key_use in {None, "sig"}]
        self.keys = {key.key_id: key for key in signing if key.key_id}
        self.description, self.told = described, time.monotonic()

    async def _get(self, client: AsyncClient, url: str, **headers: str) -> dict[str, Any]:
        answer = await client.get(url, timeout=PATIENCE, headers=headers)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def userinfo(self, client: AsyncClient, token: str) -> dict[str, Any]:
        """Ask what it says of whose token it is (OpenID Connect Core 1.0, section 5.3).

        Raises:
            Unavailable: it does not answer.
        """
        if "userinfo_endpoint" not in self.description:
            return {}
        url = self.description["userinfo_endpoint"]
        try:
            return await self._get(client, url, Authorization=f"Bearer {token}")
        except (HTTPError, ValueError) as error:
            log.warning("the identity provider tells nothing", error=type(error).__name__)
            message = "The identity provider does not answer."
            raise Unavailable(message) from None
