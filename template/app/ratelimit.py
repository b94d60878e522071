"""Rate limits (throttling) per caller: one limit for all routes, extra limits for some routes.

An earlier dependency may set the caller as `request.state.caller`. By default, the caller is the
client's address. Requests are counted in a sliding window, either in this process's memory or in a
Valkey that all processes share. While Valkey is unavailable, requests are not limited (fail open).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, FastAPI
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from pydantic import Field, PlainValidator
from pydantic_settings import NoDecode, SettingsConfigDict
from redis.exceptions import RedisError
from sqlalchemy import URL
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors, health, settings, valkey
from app.logging import client_address
from app.routing.root_path import route_path
from app.state import StateKey

EXEMPT = (health.PROBES, "/docs")  # prefixes of paths that are not limited
TIMEOUT = 0.25  # seconds to count a request
RETRY_DELAY = 5.0  # seconds without requests to an unavailable Valkey

# Counted by address, not by caller, against brute-force guesses of passwords and tokens.
LOGIN_RATES = {
    "login": "10/minute",
    "login_with_form": "10/minute",
    "refresh": "60/minute",
    "register": "10/minute",
    "forgot_password": "5/minute",
}

log = structlog.get_logger()


def parse_rate(value: object) -> RateLimitItem:
    """Parse a rate, such as `300/minute`."""
    if isinstance(value, RateLimitItem):
        return value
    try:
        (rate,) = parse_many(str(value))
    except ValueError:
        message = "It is not a rate"
        raise ValueError(message) from None
    if not rate.amount:
        message = "It is a rate of 0, which rejects every request"
        raise ValueError(message)
    return rate


def parse_rates(value: object) -> Mapping[str, RateLimitItem]:
    """Parse rates of routes, such as `login=10/minute`.

    Routes in `LOGIN_RATES` have default rates.
    """
    if isinstance(value, Mapping):
        return value
    parts = [part.partition("=") for part in str(value).split(",") if part.strip()]
    texts = LOGIN_RATES | {name.strip(): text for name, _, text in parts}
    return {name: parse_rate(text) for name, text in texts.items()}


Rate = Annotated[RateLimitItem, PlainValidator(parse_rate)]
Rates = Annotated[Mapping[str, RateLimitItem], NoDecode, PlainValidator(parse_rates)]


class RateLimitSettings(settings.EnvironmentSettings):
    """Settings of rate limits: the rates, and the Valkey that all processes share."""

    model_config = SettingsConfigDict(env_prefix="RATELIMIT_")

    enabled: bool = Field(default=True, description="Set it to true or false.")
    url: valkey.ValkeyUrl | None = Field(
        None, repr=False, description="Set it to redis://host:6379/0, or leave it out."
    )
    default: Rate = Field(
        parse_rate("300/minute"), description="Set it to a rate, as in 300/minute."
    )
    routes: Rates = Field(
        parse_rates(""),
        description="Set it to routes and rates, as in login=10/minute,refresh=60/minute.",
    )

    def connections(self) -> Mapping[str, settings.Probe]:
        """Return a function that connects to Valkey, if its URL is set."""
        return valkey.connections(self.url)


class TooManyRequests(errors.Error):
    """The caller has exceeded a rate limit."""

    status, code, title = 429, "too_many_requests", "Too Many Requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Rate limit exceeded. Retry after {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True)
class Quota:
    """A caller's remaining requests, and the seconds until the limit resets."""

    allowed: bool
    remaining: int
    seconds: int


Entry = tuple[str, RateLimitItem, Quota]  # the name of a limit, its rate, and what remains


@dataclass
class Limiter:
    """Counts requests, unless rate limits are disabled or Valkey is unavailable."""

    window: SlidingWindowCounterRateLimiter
    enabled: bool = True
    is_lost: bool = False  # Valkey did not answer the last request
    retry_at: float = 0.0  # monotonic seconds

    async def hit(self, limit: RateLimitItem, *key: str) -> Quota | None:
        """Count a request and return its quota; None if rate limits are disabled or unavailable."""
        now, was_lost = time.monotonic(), self.is_lost
        if not self.enabled or now < self.retry_at:
            return None
        if was_lost:
            self.retry_at = now + RETRY_DELAY  # circuit breaker: one request tries, others pass
        try:
            async with asyncio.timeout(TIMEOUT):
                allowed = await self.window.hit(limit, *key)
                stats = await self.window.get_window_stats(limit, *key)
        except (RedisError, OSError) as error:
            self.lose(error)
            return None
        if was_lost:
            self.recover()
        return Quota(allowed, stats.remaining, max(1, ceil(stats.reset_time - time.time())))

    def lose(self, error: Exception) -> None:
        """Stop limiting requests for `RETRY_DELAY` seconds; log the outage once."""
        self.retry_at = time.monotonic() + RETRY_DELAY
        if not self.is_lost:
            log.warning("ratelimit_unavailable", error=type(error).__name__)
        self.is_lost = True

    def recover(self) -> None:
        """Limit requests again after an outage."""
        self.is_lost, self.retry_at = False, 0.0
        log.info("ratelimit_recovered")


CONFIG = StateKey[RateLimitSettings]("ratelimit")
LIMITER = StateKey[Limiter]("limiter")


async def limit_all(connection: HTTPConnection) -> None:
    """Apply the default rate and the route's rate from `RATELIMIT_ROUTES` to a request."""
    config = CONFIG.get(connection.app)
    if route_path(connection.scope).startswith(EXEMPT):
        return
    await apply_limit(connection, "default", config.default, caller_key(connection))
    name = connection.scope["route"].name
    if name in config.routes:
        by_address = name in LOGIN_RATES
        key = client_address(connection) if by_address else caller_key(connection)
        await apply_limit(connection, name, config.routes[name], key)


def limited(text: str) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Return a dependency that applies a rate such as `10/hour` to each route separately."""
    limit = parse_rate(text)

    async def limit_one(connection: HTTPConnection) -> None:
        name = connection.scope["route"].name
        await apply_limit(connection, name, limit, caller_key(connection))

    return limit_one


async def apply_limit(
    connection: HTTPConnection, name: str, limit: RateLimitItem, key: str
) -> None:
    """Count a request, and store the remaining quota for the response headers.

    Args:
        connection: the request
        name: the name of the limit, `default` or that of a route
        limit: the rate
        key: the caller or the client's address

    Raises:
        TooManyRequests: the caller has exceeded the limit.
    """
    quota = await LIMITER.get(connection.app).hit(limit, name, key)
    if quota is None:
        return
    entries: list[Entry] = connection.state.rates
    entries.append((name, limit, quota))
    if not quota.allowed:
        raise TooManyRequests(quota.seconds)


def caller_key(connection: HTTPConnection) -> str:
    """Return the key that counts a caller's requests: the caller's name or address."""
    caller = getattr(connection.state, "caller", None)
    return f"caller {caller}" if caller else client_address(connection)


class RateLimitHeaders:
    """Middleware that adds `RateLimit` and `RateLimit-Policy` headers to responses (IETF draft)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the rate limit headers when the response starts."""
        entries: list[Entry] = []
        scope.setdefault("state", {})["rates"] = entries

        async def send_with_headers(message: Message) -> None:
            if entries and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(quota_headers(entries))
            await send(message)

        await self.app(scope, receive, send_with_headers)


def quota_headers(entries: list[Entry]) -> dict[str, str]:
    """Return the rate limit headers, with limits, time windows and remaining requests."""
    policies = [f'"{name}";q={limit.amount};w={limit.get_expiry()}' for name, limit, _ in entries]
    states = [f'"{name}";r={quota.remaining};t={quota.seconds}' for name, _, quota in entries]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def create_storage(app: FastAPI, url: URL | None) -> Storage:
    """Create the storage of request counts: this process's memory, or a shared Valkey."""
    if url is None:
        return MemoryStorage()
    pool = valkey.connection_pool(url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await pool.aclose()

    app.include_router(APIRouter(lifespan=lifespan))
    return RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"ratelimit:{app.title}",
        connection_pool=pool,  # type: ignore[arg-type]
    )


def install(app: FastAPI) -> None:
    """Apply the rate limits to routes that are added to the application afterwards."""
    config = settings.read(RateLimitSettings)
    window = SlidingWindowCounterRateLimiter(create_storage(app, config.url))
    CONFIG.set(app, config)
    LIMITER.set(app, Limiter(window, config.enabled))
    app.router.dependencies.append(Depends(limit_all))
    app.router.responses |= errors.error_responses(TooManyRequests)
    app.add_middleware(RateLimitHeaders)
