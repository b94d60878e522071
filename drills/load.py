"""Generate load with concurrent clients that read, write and enqueue jobs, and record each response."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from httpx2 import AsyncClient, HTTPError, Limits, TimeoutException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from httpx2 import Response

KINDS = {"read": 8, "write": 4, "enqueue": 1}  # clients by kind of request
HEALTHY = 1.0  # seconds: requests of a healthy service take less
TIMEOUT = 30.0  # seconds until a client gives up

_numbers = itertools.count(1)


class Outcome(StrEnum):
    """How a request ended, for example by success or by a server error."""

    SUCCESS = "success"
    REJECTED = "503 by the service"
    UNAVAILABLE = "502 or 503 by the balancer"
    DISCONNECTED = "no response"
    TIMEOUT = "timeout"  # of the client or of the balancer
    UNEXPECTED = "unexpected status"


ACCEPTABLE = {Outcome.SUCCESS, Outcome.REJECTED, Outcome.UNAVAILABLE}  # outcomes that any fault may cause


def outcome_of(response: Response) -> Outcome:
    """Classify a response by its status code, and a 503 also by its content type."""
    if response.is_success:
        return Outcome.SUCCESS
    if response.status_code == 503 and response.headers.get("content-type") == "application/problem+json":
        return Outcome.REJECTED
    if response.status_code == 504:
        return Outcome.TIMEOUT
    return Outcome.UNAVAILABLE if response.status_code in {502, 503} else Outcome.UNEXPECTED


@dataclass(frozen=True)
class Call:
    """A request of the load, with its start time, duration and outcome."""

    start: float
    seconds: float
    kind: str
    outcome: Outcome
    acknowledged: str = ""  # the id of the created row or job
    error: str = ""  # the response or exception of a failure

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.outcome is Outcome.SUCCESS

    @property
    def end(self) -> float:
        """The time at which the response arrived or the request failed."""
        return self.start + self.seconds


@dataclass
class Load:
    """The clients that send requests during a drill, and a record of all their requests."""

    url: str
    pause: float  # seconds between two requests of a client
    calls: list[Call] = field(default_factory=list)
    in_flight: set[float] = field(default_factory=set)  # starts of unfinished requests

    @property
    def is_healthy(self) -> bool:
        """Whether recent requests succeeded, and no pending request is slow."""
        since = time.monotonic() - HEALTHY
        is_slow = min(self.in_flight, default=since) < since
        return not is_slow and any(call.ok and call.start > since for call in self.calls[-50:])

    async def send(self, client: AsyncClient, kind: str) -> Response:
        """Send one request, which reads a row, writes a row or enqueues a job."""
        if kind == "read":
            return await client.get("/api/v1/products", params={"size": 5, "sort": "-created_at"})
        if kind == "write":
            sku = f"DRILL-{next(_numbers)}"
            return await client.post("/api/v1/products", json={"sku": sku, "title": sku, "price": "1.00"})
        return await client.post("/api/v1/jobs/reports")

    async def call(self, client: AsyncClient, kind: str) -> None:
        """Send one request, and record how it ended."""
        start, outcome, acknowledged, error = time.monotonic(), Outcome.DISCONNECTED, "", ""
        self.in_flight.add(start)
        try:
            response = await self.send(client, kind)
            outcome = outcome_of(response)
            acknowledged = response.json()["id"] if outcome is Outcome.SUCCESS and kind != "read" else ""
            error = "" if outcome is Outcome.SUCCESS else f"{response.status_code} {response.text}"
        except TimeoutException:
            outcome = Outcome.TIMEOUT
        except HTTPError as exception:
            error = repr(exception)
        self.in_flight.discard(start)
        self.calls.append(Call(start, time.monotonic() - start, kind, outcome, acknowledged, error))

    async def run_client(self, client: AsyncClient, kind: str, stop: asyncio.Event) -> None:
        """Send requests of one kind in sequence until the `asyncio` event is set."""
        while not stop.is_set():
            await self.call(client, kind)
            await asyncio.sleep(self.pause)

    @asynccontextmanager
    async def running(self, times: int = 1) -> AsyncIterator[None]:
        """Run `times` the usual number of clients inside a `with` block."""
        stop = asyncio.Event()
        kinds = [kind for kind, number in KINDS.items() for _ in range(number * times)]
        async with AsyncClient(base_url=self.url, timeout=TIMEOUT, limits=Limits(max_connections=len(kinds))) as client:
            tasks = [asyncio.create_task(self.run_client(client, kind, stop)) for kind in kinds]
            yield
            stop.set()
            await asyncio.gather(*tasks)

    def between(self, begin: float, end: float) -> list[Call]:
        """Return the requests that ended within a period."""
        return [call for call in self.calls if begin <= call.end < end]

    def acknowledged(self, kind: str) -> list[Call]:
        """Return the requests of one kind whose response confirmed a new row or job."""
        return [call for call in self.calls if call.acknowledged and call.kind == kind]
