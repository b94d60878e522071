"""The catalogue of all features, with one record for each.

A record lists everything that the feature adds to a service.

To add a feature, add its record to a module here and to the lists below, and its files under `template/`; no shared
file changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .auth import ABOUT, AUDIT, AUTH, CALLER_LIMITS, OWNERSHIP, SCOPE
from .cache import CACHE
from .changes import AFTER_COMMIT, CHANGES
from .email import EMAIL, EMAIL_JOBS
from .files import FILES, OWNED_FILES, PUBLIC_FILES
from .jobs import CELERY, JOBS, OWNED_JOBS, PUBLIC_JOBS, TASKIQ
from .local import ACCOUNT_LINKS, LINK_LOGGER, LOCAL, SHARED_THROTTLE, THROTTLE
from .observability import OBSERVABILITY
from .oidc import OIDC
from .postgresql import POSTGRESQL
from .ratelimit import RATELIMIT
from .service import OF_TYPES, SERVICE
from .sqlite import SQLITE
from .surroundings import AGENTS, FLY, GITHUB, GITLAB, KUBERNETES
from .valkey import CHILD_PROCESS, VALKEY, VALKEY_SPANS
from .websockets import ANONYMOUS_WEBSOCKETS, TOKEN_AUTH, WEBSOCKETS

if TYPE_CHECKING:
    from .model import Feature

__all__ = [
    "AGENTS",
    "AUTH",
    "DATABASES",
    "DEPLOYMENTS",
    "FEATURES",
    "INTEGRATIONS",
    "OF_TYPES",
    "OWNERSHIP",
    "PIPELINES",
    "SERVICE",
    "chosen",
    "with_requirements",
]

DATABASES = (POSTGRESQL, SQLITE)
IDENTITIES = (SCOPE, AUDIT, AUTH, LOCAL, THROTTLE, SHARED_THROTTLE, OIDC, OWNERSHIP, CALLER_LIMITS, ABOUT)
INTEGRATIONS = (
    *(CHILD_PROCESS, OBSERVABILITY, VALKEY, VALKEY_SPANS, RATELIMIT, AFTER_COMMIT, CHANGES, CACHE),
    *(WEBSOCKETS, ANONYMOUS_WEBSOCKETS, TOKEN_AUTH),
    *(JOBS, TASKIQ, CELERY, PUBLIC_JOBS, OWNED_JOBS),
    *(EMAIL, EMAIL_JOBS, LINK_LOGGER, ACCOUNT_LINKS),  # the e-mail queue is replaced before links are sent by it
    *(FILES, PUBLIC_FILES, OWNED_FILES),
)
PIPELINES = (GITHUB, GITLAB)
DEPLOYMENTS = (KUBERNETES, FLY)
# In the order in which `app/main.py` installs them.
FEATURES = (*DATABASES, *IDENTITIES, *INTEGRATIONS, *PIPELINES, *DEPLOYMENTS, AGENTS)


def with_requirements(names: frozenset[str]) -> frozenset[str]:
    """Return the named features and those that they require, directly or indirectly."""
    required = frozenset(name for feature in FEATURES if feature.name in names for name in feature.requires)
    return names if required <= names else with_requirements(names | required)


def with_meetings(names: frozenset[str]) -> frozenset[str]:
    """Add required and combined features to the named ones, and remove the features that these replace.

    A combined feature is added if all features in its `meets` are chosen.
    """
    wanted = with_requirements(names)
    met = [feature for feature in FEATURES if feature.meets and set(feature.meets) <= wanted]
    replaced = {name for feature in met for name in feature.replaces}
    return with_requirements(wanted | {feature.name for feature in met}) - replaced


def chosen(names: frozenset[str]) -> list[Feature]:
    """Return the `Feature` records of a service, in the order of `FEATURES`."""
    wanted = with_meetings(names)
    return [SERVICE, *(feature for feature in FEATURES if feature.name in wanted)]
