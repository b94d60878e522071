"""Deliberate breaks of the emitted service: each breaks a promise, and names the test that must then fail."""

from __future__ import annotations

from tests.harness.breaks.auth import AUTH
from tests.harness.breaks.cache import CACHE
from tests.harness.breaks.celery import CELERY
from tests.harness.breaks.changes import CHANGES
from tests.harness.breaks.compatibility import COMPATIBILITY
from tests.harness.breaks.data import DATABASES, MIGRATIONS, TRANSACTIONS
from tests.harness.breaks.definition import BOTH, Break
from tests.harness.breaks.edges import ERRORS, HEALTH, LOGGING, MIDDLEWARE, SERVER
from tests.harness.breaks.email import ACCOUNT_MAIL, EMAIL
from tests.harness.breaks.files import FILES, OWN_FILES
from tests.harness.breaks.jobs import JOBS
from tests.harness.breaks.moving import MOVING
from tests.harness.breaks.observability import OBSERVABILITY
from tests.harness.breaks.oidc import OIDC
from tests.harness.breaks.owning import OWNERS
from tests.harness.breaks.ratelimit import LIMITS
from tests.harness.breaks.resources import RESOURCES
from tests.harness.breaks.shape import ARCHITECTURE, DESCRIPTION, SETTINGS
from tests.harness.breaks.websockets import GUARDED_SOCKETS, SOCKETS

__all__ = ["BOTH", "BREAKS", "Break"]

BREAKS = [
    *TRANSACTIONS,
    *MIGRATIONS,
    *ARCHITECTURE,
    *SETTINGS,
    *ERRORS,
    *LOGGING,
    *MIDDLEWARE,
    *SERVER,
    *HEALTH,
    *DESCRIPTION,
    *COMPATIBILITY,
    *RESOURCES,
    *DATABASES,
    *MOVING,
    *AUTH,
    *OIDC,
    *OWNERS,
    *LIMITS,
    *CACHE,
    *OBSERVABILITY,
    *EMAIL,
    *ACCOUNT_MAIL,
    *FILES,
    *OWN_FILES,
    *JOBS,
    *CELERY,
    *CHANGES,
    *SOCKETS,
    *GUARDED_SOCKETS,
]
