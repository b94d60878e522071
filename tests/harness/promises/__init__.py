"""Deliberate breaks of the emitted service: each breaks a promise, and names the test that must then fail."""

from __future__ import annotations

from tests.harness.promises.auth import AUTH
from tests.harness.promises.cache import CACHE
from tests.harness.promises.celery import CELERY
from tests.harness.promises.changes import CHANGES
from tests.harness.promises.compatibility import COMPATIBILITY
from tests.harness.promises.data import DATABASES, MIGRATIONS, TRANSACTIONS
from tests.harness.promises.definition import BOTH, Break
from tests.harness.promises.edges import ERRORS, HEALTH, LOGGING, MIDDLEWARE, SERVER
from tests.harness.promises.email import ACCOUNT_MAIL, EMAIL
from tests.harness.promises.files import FILES, OWN_FILES
from tests.harness.promises.jobs import JOBS
from tests.harness.promises.moving import MOVING
from tests.harness.promises.observability import OBSERVABILITY
from tests.harness.promises.oidc import OIDC
from tests.harness.promises.owning import OWNERS
from tests.harness.promises.ratelimit import LIMITS
from tests.harness.promises.resources import RESOURCES
from tests.harness.promises.shape import ARCHITECTURE, DESCRIPTION, SETTINGS
from tests.harness.promises.websockets import GUARDED_SOCKETS, SOCKETS

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
