"""Health: is the process alive, and may it be sent requests?

`/health/live` does nothing and so answers whatever happens elsewhere; `/health/ready` asks what the
service depends on, in bounded time, once for all who ask at the same moment.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel

from app.errors import Unavailable, error_responses
from app.state import StateKey

PREFIX = "/health"
PROBES = f"{PREFIX}/"  # every path of a probe starts with this
PATIENCE = 1.0  # seconds that a check may take
FRESH = 1.0  # seconds for which an answer stands

Probe = Callable[[FastAPI], Awaitable[None]]

log = structlog.get_logger()
router = APIRouter(prefix=PREFIX, tags=["health"])


class Health(BaseModel):
    """What a probe is told when all is well."""

    status: Literal["live", "ready"]


@dataclass
class Readiness:
    """What readiness depends on, and what was found last."""

    probes: dict[str, Probe] = field(default_factory=dict)
    draining: bool = False
    leaving: asyncio.Event = field(default_factory=asyncio.Event)  # once nobody else is let in
    failed: dict[str, str] = field(default_factory=dict)
    checked: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, app: FastAPI) -> None:
        """Ask every probe, unless that was done a moment ago.

        Raises:
            Unavailable: the service stops, or one of the probes failed.
        """
        if self.draining:
            message = "The service is stopping."
            raise Unavailable(message)
        async with self.lock:
            if time.monotonic() - self.checked > FRESH:
                self.failed = await self.failures(app)
                self.checked = time.monotonic()
        if self.failed:
            raise Unavailable(f"No answer from: {', '.join(self.failed)}.")

    async def failures(self, app: FastAPI) -> dict[str, str]:
        """Ask every probe at once; name those that failed, and why."""
        reasons = await asyncio.gather(*(_failure(app, probe) for probe in self.probes.values()))
        return {name: why for name, why in zip(self.probes, reasons, strict=True) if why}


READINESS = StateKey[Readiness]("readiness")


async def _failure(app: FastAPI, probe: Probe) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await probe(app)
    except Exception as error:  # noqa: BLE001 - whatever it is, the service is not ready
        log.warning("not ready", probe=probe.__name__, error=type(error).__name__)
        return f"{type(error).__name__}: {error}".strip(": ")
    return ""


def add(app: FastAPI, name: str, probe: Probe) -> None:
    """Make readiness depend on a probe, which raises when something is wrong."""
    readiness(app).probes[name] = probe


def readiness(app: FastAPI) -> Readiness:
    """Give the application's readiness."""
    return READINESS.get(app)


@router.get("/live")
async def live() -> Health:
    """Tell that the process runs."""
    return Health(status="live")


@router.get("/ready", responses=error_responses(Unavailable))
async def ready(request: Request) -> Health:
    """Tell whether requests may be sent here."""
    await readiness(request.app).check(request.app)
    return Health(status="ready")


def install(app: FastAPI) -> None:
    """Give the service its probes."""
    READINESS.set(app, Readiness())
    app.include_router(router)
