"""Origin of security events: the address and the caller of the current request."""

from collections.abc import AsyncGenerator
from datetime import timedelta

from fastapi import Depends, FastAPI
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict
from starlette.requests import HTTPConnection

from app import settings
from app.database import SESSIONS
from app.errors import Forbidden
from app.logging import client_address
from app.models.audit_event import MAX_ADDRESS, Action
from app.services.audit_event import (
    ORIGIN,
    FailureLimit,
    Origin,
    record_failure,
    store_failures,
)
from app.state import StateKey


class AuditSettings(settings.EnvironmentSettings):
    """Settings of the audit log: the retention time."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_")

    days: PositiveInt = Field(365, description="Set it to the days after which events are deleted.")


AUDIT = StateKey[AuditSettings]("audit")
FAILURE_LIMIT = StateKey[FailureLimit]("audit_failure_limit")


async def audit_request(connection: HTTPConnection) -> AsyncGenerator[None, None]:
    """Set the origin of the request's events; store its failures once its transaction has ended.

    Requests that are denied with 403 are failures, too.
    """
    app = connection.app
    origin = Origin(
        address=_address(connection),
        client=client_address(connection),
        limit=FAILURE_LIMIT.get(app),
        retention=timedelta(days=AUDIT.get(app).days),
    )
    token = ORIGIN.set(origin)
    try:
        yield
    except Forbidden as error:
        if not origin.failures:
            route = connection.scope["route"].name
            record_failure(Action.ACCESS_DENIED, route=route, reason=error.detail)
        raise
    finally:
        if origin.failures:
            await store_failures(SESSIONS.get(app), origin)
        ORIGIN.reset(token)


def _address(connection: HTTPConnection) -> str | None:
    host = connection.client.host if connection.client else ""
    return host[:MAX_ADDRESS] if host.isprintable() and host else None


def install(app: FastAPI) -> None:
    """Set the origin of events in every request, and read the retention time."""
    AUDIT.set(app, settings.read(AuditSettings))
    FAILURE_LIMIT.set(app, FailureLimit())
    app.router.dependencies.append(Depends(audit_request, scope="request"))
