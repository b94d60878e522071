"""Health checks: liveness and readiness probes.

`/health/live` checks no dependency, since an outage of a dependency must not restart the process.
`/health/ready` checks the dependencies with a timeout. Concurrent requests share one check.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.types import Scope

from app.errors import Unavailable, error_responses, reason
from app.routing.root_path import route_path
from app.state import StateKey

PREFIX = "/health"
PROBES = f"{PREFIX}/"  # prefix of the paths of probes
TIMEOUT = 1.0  # seconds per check
CACHE_SECONDS = 1.0  # seconds for which the result of checks is reused

Probe = Callable[[FastAPI], Awaitable[None]]

log = structlog.get_logger()
router = APIRouter(prefix=PREFIX, tags=["health"])


class Health(BaseModel):
    """Response of a probe that succeeded."""

    status: Literal["live", "ready"]


@dataclass
class Readiness:
    """The readiness checks of all dependencies, their last result, and the draining state."""

    probes: dict[str, Probe] = field(default_factory=dict)
    draining: bool = False
    drained: asyncio.Event = field(default_factory=asyncio.Event)  # set before the server stops
    failed: dict[str, str] = field(default_factory=dict)
    checked: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, app: FastAPI) -> None:
        """Check every dependency, or reuse a result younger than `CACHE_SECONDS`.

        Raises:
            Unavailable: the service is draining, or a check failed.
        """
        if self.draining:
            message = "The service is shutting down."
            raise Unavailable(message)
        async with self.lock:
            if time.monotonic() - self.checked > CACHE_SECONDS:
                self.failed = await self.failures(app)
                self.checked = time.monotonic()
        if self.failed:
            raise Unavailable(f"Unavailable: {', '.join(self.failed)}.")

    async def failures(self, app: FastAPI) -> dict[str, str]:
        """Run all checks concurrently; map each failed dependency to the reason."""
        reasons = await asyncio.gather(*(_failure(app, probe) for probe in self.probes.values()))
        return {name: each for name, each in zip(self.probes, reasons, strict=True) if each}


READINESS = StateKey[Readiness]("readiness")


async def _failure(app: FastAPI, probe: Probe) -> str:
    try:
        async with asyncio.timeout(TIMEOUT):
            await probe(app)
    except Exception as error:  # noqa: BLE001 - any error means not ready
        log.warning("readiness_check_failed", probe=probe.__name__, error=type(error).__name__)
        return reason(error)
    return ""


def add(app: FastAPI, name: str, probe: Probe) -> None:
    """Register a check that raises an exception if its dependency is unavailable."""
    readiness(app).probes[name] = probe


def is_probe(scope: Scope) -> bool:
    """Return whether a request is a health check, with or without the root path."""
    return route_path(scope).startswith(PROBES)


def readiness(app: FastAPI) -> Readiness:
    """Return the readiness checks of the application."""
    return READINESS.get(app)


@router.get("/live")
async def live() -> Health:
    """Respond 200: the process can answer requests (liveness probe)."""
    return Health(status="live")


@router.get("/ready", responses=error_responses(Unavailable))
async def ready(request: Request) -> Health:
    """Respond 200 if all dependencies are available and the service is not draining (readiness)."""
    await readiness(request.app).check(request.app)
    return Health(status="ready")


def install(app: FastAPI) -> None:
    """Add the routes of the liveness and readiness probes."""
    READINESS.set(app, Readiness())
    app.include_router(router)
