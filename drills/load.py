"""Callers who read and write all the time, and remember every answer."""

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

KINDS = {"read": 8, "write": 4, "ask": 1}  # callers of each kind
SOON = 1.0  # seconds in which a request ends when all is well
LONGEST = 30.0  # seconds that a caller waits

_numbers = itertools.count(1)


class How(StrEnum):
    """How a request ends."""

    WELL = "well"
    REFUSED = "503 by the service"
    UNSERVED = "502 or 503 by the balancer"
    BROKEN = "no answer"
    LATE = "too late"  # the caller has gone, or the balancer has
    WRONG = "another answer"


PROPER = {How.WELL, How.REFUSED, How.UNSERVED}  # what a caller may always be answered


def judged(answer: Response) -> How:
    """Tell what an answer is."""
    if answer.is_success:
        return How.WELL
    if answer.status_code == 503 and answer.headers.get("content-type") == "application/problem+json":
        return How.REFUSED
    if answer.status_code == 504:
        return How.LATE
    return How.UNSERVED if answer.status_code in {502, 503} else How.WRONG


@dataclass(frozen=True)
class Call:
    """A request: when it was sent, how long it took, and how it ended."""

    at: float
    seconds: float
    kind: str
    how: How
    made: str = ""  # the id of what was acknowledged
    told: str = ""  # what was answered instead

    @property
    def ok(self) -> bool:
        return self.how is How.WELL

    @property
    def end(self) -> float:
        return self.at + self.seconds


@dataclass
class Load:
    """All calls of a drill."""

    url: str
    pause: float  # seconds between two requests of a caller
    calls: list[Call] = field(default_factory=list)
    going: set[float] = field(default_factory=set)  # when those were sent that have not ended

    @property
    def is_well(self) -> bool:
        """Tell whether callers get good answers now, and nobody has been waiting for long."""
        soon = time.monotonic() - SOON
        return min(self.going, default=soon) >= soon and any(call.ok and call.at > soon for call in self.calls[-50:])

    async def send(self, client: AsyncClient, kind: str) -> Response:
        if kind == "read":
            return await client.get("/api/v1/products", params={"size": 5, "sort": "-created_at"})
        if kind == "write":
            sku = f"DRILL-{next(_numbers)}"
            return await client.post("/api/v1/products", json={"sku": sku, "title": sku, "price": "1.00"})
        return await client.post("/api/v1/jobs/reports")

    async def call(self, client: AsyncClient, kind: str) -> None:
        begun, how, made, told = time.monotonic(), How.BROKEN, "", ""
        self.going.add(begun)
        try:
            answer = await self.send(client, kind)
            how = judged(answer)
            made = answer.json()["id"] if how is How.WELL and kind != "read" else ""
            told = "" if how is How.WELL else f"{answer.status_code} {answer.text}"
        except TimeoutException:
            how = How.LATE
        except HTTPError as error:
            told = repr(error)
        self.going.discard(begun)
        self.calls.append(Call(begun, time.monotonic() - begun, kind, how, made, told))

    async def caller(self, client: AsyncClient, kind: str, leave: asyncio.Event) -> None:
        while not leave.is_set():
            await self.call(client, kind)
            await asyncio.sleep(self.pause)

    @asynccontextmanager
    async def going_on(self, times: int = 1) -> AsyncIterator[None]:
        """Have callers of each kind call while the context lasts."""
        leave = asyncio.Event()
        kinds = [kind for kind, number in KINDS.items() for _ in range(number * times)]
        async with AsyncClient(base_url=self.url, timeout=LONGEST, limits=Limits(max_connections=len(kinds))) as client:
            callers = [asyncio.create_task(self.caller(client, kind, leave)) for kind in kinds]
            yield
            leave.set()
            await asyncio.gather(*callers)

    def between(self, begin: float, end: float) -> list[Call]:
        """Give the calls that ended in a time."""
        return [call for call in self.calls if begin <= call.end < end]

    def made(self, kind: str) -> list[Call]:
        return [call for call in self.calls if call.made and call.kind == kind]
