"""Throttling of password guesses, of account e-mails, and of password hashes (brute force).

Attempts are counted three ways, as no single way suffices (OWASP Authentication Cheat Sheet):

- An account from one address: a few. A correct password resets this count.
- An address, for all accounts together: against password spraying and credential stuffing.
- An account from all unknown addresses together: against guesses from many addresses (botnets).
  Addresses that have logged in to the account before are exempt, so guesses of others do not lock
  the owner out. Otherwise anyone could block any account.

Accounts are counted by the submitted e-mail address, whether the account exists or not, so a 429
does not reveal which accounts exist (user enumeration).
"""

import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from math import ceil
from typing import TypeVar

import structlog
from fastapi import FastAPI
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict

from app import errors, settings
from app.auth.local import passwords
from app.auth.token_hashing import digest
from app.models.audit_event import Action
from app.services.audit_event import record_failure
from app.state import StateKey

KNOWN_SECONDS = 30 * 86_400  # an address is known after a login
SHARE = 4  # one account or address may use a quarter of the queue of password hashes

T = TypeVar("T")

log = structlog.get_logger()


class ThrottleSettings(settings.EnvironmentSettings):
    """Settings of the throttling: numbers of guesses, e-mails and waiting password hashes."""

    model_config = SettingsConfigDict(env_prefix="THROTTLE_")

    enabled: bool = Field(default=True, description="Set it to true or false.")
    guesses: PositiveInt = Field(10, description="Set it to a number per 15 minutes.")
    address_guesses: PositiveInt = Field(100, description="Set it to a number per 15 minutes.")
    account_guesses: PositiveInt = Field(100, description="Set it to a number per hour.")
    mails: PositiveInt = Field(5, description="Set it to a number per hour.")
    hashes: PositiveInt = Field(32, description="Set it to a number of waiting hashes.")


class Throttled(errors.Error):
    """Too many attempts; `Retry-After` says when to try again."""

    status, code, title = 429, "too_many_requests", "Too Many Requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Retry after {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds)}


class Counts:
    """Counts of guesses and e-mails in sliding windows, and addresses that have logged in.

    Keys contain digests of e-mail addresses.
    """

    def __init__(self, config: ThrottleSettings, storage: Storage) -> None:
        self.storage = storage
        self.window = SlidingWindowCounterRateLimiter(storage)
        self.pair_limit = RateLimitItemPerMinute(config.guesses, 15, "pair")
        self.address_limit = RateLimitItemPerMinute(config.address_guesses, 15, "address")
        self.account_limit = RateLimitItemPerHour(config.account_guesses, 1, "account")
        self.sender_limit = RateLimitItemPerMinute(config.address_guesses, 15, "sender")
        self.mail_limit = RateLimitItemPerHour(config.mails, 1, "mail")

    async def begin(self, account: str, address: str) -> int:
        """Count an attempt before its password is verified, so concurrent guesses count too.

        Returns:
            0 if the attempt may proceed, else the seconds to wait.
        """
        pair = digest(account), address
        if not await self.window.test(self.address_limit, address):
            return await self._seconds(self.address_limit, address)
        if not await self.window.hit(self.pair_limit, *pair):
            return await self._seconds(self.pair_limit, *pair)
        if await self.storage.get(_known_key(*pair)):
            return 0
        if not await self.window.hit(self.account_limit, pair[0]):
            return await self._seconds(self.account_limit, pair[0])
        return 0

    async def fail(self, address: str) -> None:
        """Count a wrong password of an address; correct passwords are not counted."""
        await self.window.hit(self.address_limit, address)

    async def succeed(self, account: str, address: str) -> None:
        """Reset the count of an account from an address, and remember the address as known."""
        pair = digest(account), address
        await self.window.clear(self.pair_limit, *pair)
        await self.storage.clear(_known_key(*pair))
        await self.storage.incr(_known_key(*pair), KNOWN_SECONDS)

    async def begin_mail(self, address: str) -> int:
        """Count an e-mail that a client's address requests; return the seconds to wait, or 0."""
        if await self.window.hit(self.sender_limit, address):
            return 0
        return await self._seconds(self.sender_limit, address)

    async def may_receive(self, recipient: str) -> bool:
        """Count an e-mail to a recipient; return whether the recipient's limit allows it."""
        return await self.window.hit(self.mail_limit, digest(recipient))

    async def _seconds(self, limit: RateLimitItem, *key: str) -> int:
        stats = await self.window.get_window_stats(limit, *key)
        return max(1, ceil(stats.reset_time - time.time()))


def _known_key(account: str, address: str) -> str:
    return f"known/{account}/{address}"


class Throttle:
    """Throttles attempts and e-mails by counts in this process's memory."""

    def __init__(self, config: ThrottleSettings) -> None:
        self.config = config
        self.counts = Counts(config, MemoryStorage())
        self.pending: Counter[str] = Counter()  # requests that hash passwords, by caller

    async def run(self, operation: Callable[[Counts], Awaitable[T]]) -> T:
        """Run an operation on the counts."""
        return await operation(self.counts)

    @contextmanager
    def share(self, *callers: str) -> Generator[None, None, None]:
        """Limit the share of each caller in the queue of password hashes.

        One account or address then cannot delay the logins of all others.

        Raises:
            Throttled: too many requests of a caller hash passwords already.
            Unavailable: the queue is full.
        """
        if self.config.enabled:
            limit = max(1, self.config.hashes // SHARE)
            if any(self.pending[caller] >= limit for caller in callers):
                raise Throttled(1)
        passwords.require_capacity()
        self.pending.update(callers)
        try:
            yield
        finally:
            self.pending.subtract(callers)
            for caller in callers:
                if not self.pending[caller]:
                    del self.pending[caller]

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncGenerator[None, None]:
        """Count the body of the context as an attempt to guess the password of an account.

        An attempt fails by `Unauthenticated` or `Forbidden`, and succeeds without an error.

        Raises:
            Throttled: too many attempts, or the caller's share of the hash queue is used.
            Unavailable: the queue of password hashes is full; the attempt is not counted.
        """
        with self.share(f"account {account}", f"address {address}"):
            if not self.config.enabled:
                yield
                return
            if seconds := await self.run(lambda counts: counts.begin(account, address)):
                record_failure(Action.LOGIN_FAILED, reason="throttled")
                raise Throttled(seconds)
            try:
                yield
            except (errors.Unauthenticated, errors.Forbidden):
                await self.run(lambda counts: counts.fail(address))
                raise
            await self.succeed(account, address)

    async def succeed(self, account: str, address: str) -> None:
        """Record that the owner of an account uses an address."""
        if self.config.enabled:
            await self.run(lambda counts: counts.succeed(account, address))

    async def begin_mail(self, address: str) -> None:
        """Count a request for an e-mail by a client's address.

        Raises:
            Throttled: the address has requested too many e-mails.
        """
        if not self.config.enabled:
            return
        if seconds := await self.run(lambda counts: counts.begin_mail(address)):
            raise Throttled(seconds)

    async def may_receive(self, recipient: str) -> bool:
        """Count an e-mail, and return whether the recipient's limit allows it."""
        if not self.config.enabled:
            return True
        is_allowed = await self.run(lambda counts: counts.may_receive(recipient))
        if not is_allowed:
            log.info("account_mail_throttled")  # without the recipient: a log is not secret
        return is_allowed


THROTTLE = StateKey[Throttle]("throttle")


def install(app: FastAPI) -> None:
    """Install the throttle, and set the length of the queue of password hashes."""
    config = settings.read(ThrottleSettings)
    passwords.queue.max_waiting = config.hashes
    THROTTLE.set(app, Throttle(config))
