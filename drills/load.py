"""Callers who read and write all the time, and remember every answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from httpx2 import AsyncClient, HTTPError, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

READERS, WRITERS, ASKERS = 8, 4, 1
PAUSE = 0.03  # seconds between two requests of a caller
LONGEST = 20.0  # seconds that a caller waits

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Call:
    """A request: when it was sent, how long it took, and how it ended."""

    at: float
    seconds: float
    kind: str
    status: int  # 0, where no answer came
    made: str = ""  # the id of what was acknowledged

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def end(self) -> float:
        return self.at + self.seconds


@dataclass
class Load:
    """All calls of a drill."""

    url: str
    calls: list[Call] = field(default_factory=list)
    is_over: bool = False

    async def call(self, client: AsyncClient, kind: str) -> None:
        begun, status, made = time.monotonic(), 0, ""
        try:
            if kind == "read":
                answer = await client.get("/api/v1/products", params={"size": 5, "sort": "-created_at"})
            elif kind == "write":
                sku = f"DRILL-{next(_numbers)}"
                answer = await client.post("/api/v1/products", json={"sku": sku, "title": sku, "price": "1.00"})
            else:
                answer = await client.post("/api/v1/jobs/reports")
            status = answer.status_code
            made = answer.json().get("id", "") if answer.is_success and kind != "read" else ""
        except HTTPError:
            pass
        self.calls.append(Call(begun, time.monotonic() - begun, kind, status, made))

    async def caller(self, client: AsyncClient, kind: str) -> None:
        while not self.is_over:
            await self.call(client, kind)
            await asyncio.sleep(PAUSE)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Call while the context lasts."""
        kinds = ["read"] * READERS + ["write"] * WRITERS + ["ask"] * ASKERS
        limits = Limits(max_connections=len(kinds))
        async with AsyncClient(base_url=self.url, timeout=LONGEST, limits=limits) as client:
            callers = [asyncio.create_task(self.caller(client, kind)) for kind in kinds]
            yield
            self.is_over = True
            await asyncio.gather(*callers)

    def between(self, begin: float, end: float) -> list[Call]:
        return [call for call in self.calls if begin <= call.at < end]

    def acknowledged(self, kind: str) -> list[Call]:
        return [call for call in self.calls if call.made and call.kind == kind]
