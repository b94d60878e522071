"""Counts of the throttle in a Valkey that all processes share.

While Valkey is unavailable, each process counts in its memory: guesses are throttled nevertheless.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from fastapi import APIRouter, FastAPI
from limits.aio.storage import RedisStorage
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from redis.exceptions import RedisError

from app import settings, valkey
from app.auth.local.throttle import THROTTLE, Counts, Throttle, ThrottleSettings

RETRY_DELAY = 5.0  # seconds without requests to an unavailable Valkey

T = TypeVar("T")

log = structlog.get_logger()


class SharedThrottleSettings(settings.EnvironmentSettings):
    """The Valkey that all processes share for the counts of guesses and e-mails."""

    model_config = SettingsConfigDict(env_prefix="THROTTLE_")

    url: valkey.ValkeyUrl | None = Field(
        None, repr=False, description="Set it to redis://host:6379/0, or leave it out."
    )

    def connections(self) -> Mapping[str, settings.Probe]:
        """Return a function that connects to Valkey, if its URL is set."""
        return valkey.connections(self.url)


class SharedThrottle(Throttle):
    """Throttle that counts in Valkey; during an outage, it counts in memory."""

    def __init__(self, config: ThrottleSettings, storage: RedisStorage) -> None:
        super().__init__(config)
        self.shared = Counts(config, storage)
        self.is_lost = False
        self.retry_at = 0.0  # monotonic seconds

    async def run(self, operation: Callable[[Counts], Awaitable[T]]) -> T:
        """Run an operation on the counts in Valkey, or in memory while it is unavailable."""
        if time.monotonic() >= self.retry_at:
            try:
                result = await operation(self.shared)
            except (RedisError, OSError) as error:
                self._lose(error)
            else:
                self._recover()
                return result
        return await operation(self.counts)

    def _lose(self, error: Exception) -> None:
        self.retry_at = time.monotonic() + RETRY_DELAY
        if not self.is_lost:
            log.warning("throttle_unavailable", error=type(error).__name__)
        self.is_lost = True

    def _recover(self) -> None:
        if self.is_lost:
            log.info("throttle_recovered")
        self.is_lost = False


def install(app: FastAPI) -> None:
    """Replace the throttle by one that counts in Valkey, if `THROTTLE_URL` is set."""
    url = settings.read(SharedThrottleSettings).url
    if url is None:
        return
    pool = valkey.connection_pool(url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await pool.aclose()

    app.include_router(APIRouter(lifespan=lifespan))
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"throttle:{app.title}",
        connection_pool=pool,  # type: ignore[arg-type]
    )
    THROTTLE.set(app, SharedThrottle(THROTTLE.get(app).config, storage))
