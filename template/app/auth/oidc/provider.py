"""Client of an OpenID Connect provider: metadata (Discovery 1.0), signing keys (JWKS), userinfo.

Keys are fetched on demand and cached. One request serves all concurrent callers (single-flight). An
unknown key ID triggers a refresh (key rotation). Requests are at least `RETRY_DELAY` apart. While
the provider is unavailable, cached keys are used for a day (stale-if-error).
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
import structlog
from httpx2 import AsyncClient, HTTPError, HTTPStatusError

from app.errors import Unavailable

WELL_KNOWN = "/.well-known/openid-configuration"
TIMEOUT = 3.0  # seconds for a response
TEMPORARY = {408, 429}  # client errors after which a retry may succeed
RETRY_DELAY = 10.0  # seconds between two requests for keys, whatever tokens arrive
MAX_AGE = 600.0  # seconds after which keys are refreshed
MAX_STALE_AGE = 86_400.0  # seconds for which keys are used while a refresh fails
UNAVAILABLE = "The identity provider does not respond. Retry later."

log = structlog.get_logger()


@dataclass
class Provider:
    """An OpenID Connect provider, with a cache of its metadata and signing keys.

    Times are seconds of the monotonic clock.
    """

    issuer: str
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    requested_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def discovery_url(self) -> str:
        """The URL of the provider's metadata."""
        return f"{self.issuer.rstrip('/')}{WELL_KNOWN}"

    @property
    def age(self) -> float:
        """Seconds since the signing keys were fetched."""
        return time.monotonic() - self.fetched_at

    async def key(self, client: AsyncClient, name: str) -> jwt.PyJWK:
        """Return the provider's signing key with a key ID (`kid`).

        Raises:
            KeyError: the provider publishes no such key.
            Unavailable: the provider does not respond, and the cached keys are too old.
        """
        is_usable = self.age <= MAX_AGE or (self.lock.locked() and self.age <= MAX_STALE_AGE)
        if name in self.keys and is_usable:
            return self.keys[name]
        async with self.lock:
            is_outdated = name not in self.keys or self.age > MAX_AGE
            if is_outdated and time.monotonic() - self.requested_at > RETRY_DELAY:
                await self._refresh(client)
        if self.age > MAX_STALE_AGE:
            raise Unavailable(UNAVAILABLE)
        return self.keys[name]

    async def _refresh(self, client: AsyncClient) -> None:
        """Fetch metadata and keys; on failure, log a warning and continue with the cached ones."""
        self.requested_at = time.monotonic()
        try:
            metadata = await self._get(client, self.discovery_url)
            if metadata["issuer"] != self.issuer:
                log.error("oidc_issuer_mismatch", issuer=self.issuer)
                return
            key_set = jwt.PyJWKSet.from_dict(await self._get(client, metadata["jwks_uri"]))
        except (HTTPError, jwt.PyJWTError, LookupError, TypeError, ValueError) as error:
            log.warning("oidc_keys_unavailable", error=type(error).__name__)
            return
        signing = [key for key in key_set.keys if key.public_key_use in {None, "sig"}]
        self.keys = {key.key_id: key for key in signing if key.key_id}
        self.metadata, self.fetched_at = metadata, time.monotonic()

    async def _get(self, client: AsyncClient, url: str, **headers: str) -> dict[str, Any]:
        response = await client.get(url, timeout=TIMEOUT, headers=headers)
        response.raise_for_status()
        document = response.json()
        if not isinstance(document, dict):
            message = "The response is not an object."
            raise TypeError(message)
        return document

    async def userinfo(self, client: AsyncClient, token: str) -> dict[str, Any] | None:
        """Request the userinfo claims of a token (OpenID Connect Core 1.0, section 5.3).

        Return None if the provider rejects the token, which may be revoked, or lack a scope.

        Raises:
            Unavailable: the provider does not respond.
        """
        if "userinfo_endpoint" not in self.metadata:
            return {}
        url = self.metadata["userinfo_endpoint"]
        try:
            return await self._get(client, url, Authorization=f"Bearer {token}")
        except HTTPStatusError as error:
            status = error.response.status_code
            log.warning("oidc_userinfo_rejected", status=status)
            if error.response.is_client_error and status not in TEMPORARY:
                return None
        except (HTTPError, TypeError, ValueError) as error:
            log.warning("oidc_userinfo_unavailable", error=type(error).__name__)
        raise Unavailable(UNAVAILABLE)
