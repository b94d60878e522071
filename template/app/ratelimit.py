"""Rate limits: how often one caller may call, everywhere and on single routes.

A caller is whom an earlier dependency has named in `request.state.caller`, else the address that
the request comes from. What is counted stands in this process's memory, or in a Valkey that all
processes share; while that is out of reach, nobody is held up.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
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
from app.state import StateKey

FREE = (health.PROBES, "/docs")  # what starts so is not limited
PATIENCE = 0.25  # seconds that counting may take
PAUSE = 5.0  # seconds after which a Valkey that did not answer is asked again

# Where a password or a token could be guessed, addresses count, whoever calls from them.
SIGN_IN = {
    "login": "10/minute",
    "login_with_form": "10/minute",
    "refresh": "60/minute",
    "register": "10/minute",
    "forgot_password": "5/minute",
}

log = structlog.get_logger()


def rate(value: object) -> RateLimitItem:
    """Read a rate, as in 300/minute."""
    if isinstance(value, RateLimitItem):
        return value
    try:
        (found,) = parse_many(str(value))
    except ValueError:
        message = "It is not a rate"
        raise ValueError(message) from None
    if not found.amount:
        message = "A rate that lets nobody pass is none"
        raise ValueError(message)
    return found


def rates(value: object) -> Mapping[str, RateLimitItem]:
    """Read the rates of routes, as in login=10/minute; those of signing in are there already."""
    if isinstance(value, Mapping):
        return value
    parts = [part.partition("=") for part in str(value).split(",") if part.strip()]
    given = SIGN_IN | {name.strip(): text for name, _, text in parts}
    return {name: rate(text) for name, text in given.items()}


Rate = Annotated[RateLimitItem, PlainValidator(rate)]
Rates = Annotated[Mapping[str, RateLimitItem], NoDecode, PlainValidator(rates)]


class RateLimitSettings(settings.EnvironmentSettings):
    """How often one caller may call, and where that is counted."""

    model_config = SettingsConfigDict(env_prefix="RATELIMIT_")

    enabled: bool = Field(default=True, description="Set it to true or false.")
    url: valkey.ValkeyUrl | None = Field(
        None, description="Set it to redis://host:6379/0, or leave it out."
    )
    default: Rate = Field(rate("300/minute"), description="Set it to a rate, as in 300/minute.")
    routes: Rates = Field(
        rates(""),
        description="Set it to routes and rates, as in login=10/minute,refresh=60/minute.",
    )


class TooManyRequests(errors.Error):
    """The caller has called too often."""

    status, code, title = 429, "too_many_requests", "Too Many Requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"That was too often; the next try may be in {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True)
class Count:
    """What is left of a rate, and for how many seconds that holds."""

    allowed: bool
    remaining: int
    seconds: int


Noted = tuple[str, RateLimitItem, Count]


@dataclass
class Counts:
    """Counts requests, as long as what keeps the counts answers."""

    limiter: SlidingWindowCounterRateLimiter
    enabled: bool = True
    lost: bool = False
    asked_from: float = 0.0

    async def hit(self, limit: RateLimitItem, *key: str) -> Count | None:
        """Count a request, if it is allowed; None where nothing can be counted."""
        now, lost = time.monotonic(), self.lost
        if not self.enabled or now < self.asked_from:
            return None
        if lost:
            self.asked_from = now + PAUSE  # one request asks; the others go on
        try:
            async with asyncio.timeout(PATIENCE):
                allowed = await self.limiter.hit(limit, *key)
                stats = await self.limiter.get_window_stats(limit, *key)
        except (RedisError, OSError) as error:
            self.lose(error)
            return None
        if lost:
            self.find()
        return Count(allowed, stats.remaining, max(1, ceil(stats.reset_time - time.time())))

    def lose(self, error: Exception) -> None:
        """Let everybody pass for a while; say so once."""
        self.asked_from = time.monotonic() + PAUSE
        if not self.lost:
            log.warning("rate limits are off: Valkey does not answer", error=type(error).__name__)
        self.lost = True

    def find(self) -> None:
        """Count again."""
        self.lost, self.asked_from = False, 0.0
        log.info("rate limits are on again")


CONFIG = StateKey[RateLimitSettings]("ratelimit")
COUNTS = StateKey[Counts]("counts")


async def limit_all(connection: HTTPConnection) -> None:
    """Count a request to any route, and to those that have a rate of their own."""
    config = CONFIG.get(connection.app)
    if connection.scope["path"].startswith(FREE):
        return
    await count(connection, "default", config.default, caller(connection))
    name = connection.scope["route"].name
    if name in config.routes:
        who = client_address(connection) if name in SIGN_IN else caller(connection)
        await count(connection, name, config.routes[name], who)


def limited(text: str) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Make a dependency that limits the routes on which it stands, each by itself."""
    limit = rate(text)

    async def limit_one(connection: HTTPConnection) -> None:
        await count(connection, connection.scope["route"].name, limit, caller(connection))

    return limit_one


async def count(connection: HTTPConnection, name: str, limit: RateLimitItem, who: str) -> None:
    """Count a request, and note for its answer what is left.

    Raises:
        TooManyRequests: nothing is left.
    """
    counts = COUNTS.get(connection.app)
    counted = await counts.hit(limit, name, who)
    if counted is None:
        return
    noted: list[Noted] = connection.state.rates
    noted.append((name, limit, counted))
    if not counted.allowed:
        raise TooManyRequests(counted.seconds)


def caller(connection: HTTPConnection) -> str:
    """Name who calls: whom an earlier dependency knows, else an address."""
    known = getattr(connection.state, "caller", None)
    return f"caller {known}" if known else client_address(connection)


def client_address(connection: HTTPConnection) -> str:
    """Name where a request comes from; of IPv6, the network that one household is given."""
    host = connection.client.host if connection.client else ""
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if not isinstance(found, IPv6Address):
        return host
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


class RateLimitHeaders:
    """Tells in every answer, in that of an error too, what is left (a draft of the IETF's)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to an answer, once it begins."""
        noted: list[Noted] = []
        scope.setdefault("state", {})["rates"] = noted

        async def told(message: Message) -> None:
            if noted and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers(noted))
            await send(message)

        await self.app(scope, receive, told)


def headers(noted: list[Noted]) -> dict[str, str]:
    """Write what was counted."""
    policies = [f'"{name}";q={limit.amount};w={limit.get_expiry()}' for name, limit, _ in noted]
    states = [f'"{name}";r={found.remaining};t={found.seconds}' for name, _, found in noted]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def create_storage(app: FastAPI, url: URL | None) -> Storage:
    """Make what keeps the counts: this process's memory, or a Valkey."""
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
    """Limit the routes that the service is given from here on."""
    config = settings.read(RateLimitSettings)
    limiter = SlidingWindowCounterRateLimiter(create_storage(app, config.url))
    CONFIG.set(app, config)
    COUNTS.set(app, Counts(limiter, config.enabled))
    app.router.dependencies.append(Depends(limit_all))
    app.router.responses |= errors.error_responses(TooManyRequests)
    app.add_middleware(RateLimitHeaders)
