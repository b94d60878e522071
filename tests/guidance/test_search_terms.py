"""A search for a common term finds the feature that implements it, in its modules, tests or page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.catalogue import FEATURES, SERVICE
from extensions.slipway_template.footprint import owners
from tests.harness.style.sources import FULLEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

SUFFIXES = (".py", ".md")
PARENTS = {"taskiq": "jobs", "celery": "jobs"}  # whose files count for the terms of the other, too

# Feature of the catalogue → terms; those of `service` are searched in the files that every service has, and in those
# of resources. A term in lower case is the start of a word or phrase; one in capitals is a whole word.
TERMS: dict[str, tuple[str, ...]] = {
    "service": (
        *("duplicate", "unique violation", "foreign key", "row lock", "FOR UPDATE", "soft delete", "partial update"),
        *("pagination", "filter", "sort", "CSV export", "N+1", "savepoint", "rollback", "transaction", "timeout"),
        *("problem details", "RFC 9457", "unhandled exception", "validation error", "OpenAPI"),
        *("backward compatibility", "breaking change", "migration", "downgrade", "backfill", "factory", "fixture"),
        *("CORS", "HSTS", "trusted host", "request smuggling", "middleware", "compression", "UUIDv7"),
        *("liveness", "readiness", "health check", "graceful shutdown", "structured logging", "request ID"),
        *("environment variable", "placeholder", "not found", "conflict"),
    ),
    "postgresql": ("pooler", "PgBouncer", "advisory lock", "connection pool", "unavailable"),
    "sqlite": ("WAL", "foreign key", "write lock"),
    "auth": ("permission", "role", "API key", "bearer", "administrator", "current user", "SHA-256", "revoke"),
    "local": (
        *("JWT", "access token", "refresh token", "rotation", "reuse", "HttpOnly", "CSRF", "argon2"),
        *("timing attack", "password reset", "e-mail verification", "one-time", "logout"),
        *("common password", "second factor"),
    ),
    "audit": ("audit log", "security event", "actor", "failed login", "retention", "purge", "SKIP LOCKED", "OWASP"),
    "oidc": ("OIDC", "OpenID Connect", "JWKS", "issuer", "audience", "PKCE", "identity provider", "key rotation"),
    "ownership": ("owner", "ownership", "scope", "permission"),
    "ratelimit": ("rate limit", "throttle", "sliding window", "429", "Retry-After", "fail open"),
    "cache": (
        *("invalidation", "TTL", "stampede", "single-flight", "stale", "ETag", "conditional request"),
        *("If-None-Match", "cache hit", "cache miss", "unavailable", "jitter"),
    ),
    "websockets": (
        *("subscribe", "subscription", "publish", "pub/sub", "fan-out", "broadcast", "backpressure"),
        *("slow consumer", "heartbeat", "reconnect", "server-sent events", "Last-Event-ID", "close code", "Origin"),
    ),
    "jobs": (
        *("enqueue", "worker", "schedule", "cron", "retry", "backoff", "lease", "dead letter", "claim"),
        *("idempotency key", "at-least-once", "outbox", "SKIP LOCKED", "purge", "retention", "trace context"),
        *("graceful shutdown", "poll"),
    ),
    "taskiq": ("broker", "enqueue", "retry"),
    "celery": ("broker", "enqueue", "worker"),
    "email": ("SMTP", "STARTTLS", "plain text", "template", "queue", "outbox", "retry", "preview"),
    "files": (
        *("upload", "download", "multipart", "presigned URL", "range request", "orphan", "MIME sniffing"),
        *("Content-Disposition", "path traversal", "digest", "ETag", "bucket", "S3", "media type"),
    ),
    "observability": (
        *("span", "trace context", "metrics", "redaction", "Sentry", "Prometheus", "OTLP", "exporter"),
        *("event loop lag", "histogram", "sampling", "connection pool"),
    ),
    "valkey": ("connection", "timeout", "unavailable"),
}


def pattern(term: str) -> re.Pattern[str]:
    """Return a pattern that finds a term at the start of a word, case-insensitively and across line breaks."""
    words = r"\s+".join(map(re.escape, term.split()))
    end = r"s?(?![A-Za-z0-9])" if term.isupper() else ""
    return re.compile(rf"(?<![A-Za-z0-9]){words}{end}", re.IGNORECASE)


def group(path: str) -> str:
    """Return the name of the feature that owns a path; resource files belong to `service`."""
    owner, *_ = owners().get(path, (SERVICE.name,))
    return owner


def groups() -> dict[str, set[str]]:
    """Map each feature to the features whose files are searched for its terms."""
    meetings = {name: {each.name for each in FEATURES if name in each.meets} for name in TERMS}
    return {name: {name, *meetings[name], *filter(None, [PARENTS.get(name)])} for name in TERMS}


def texts(services: Iterable[Service]) -> dict[str, set[str]]:
    """Return the distinct texts of modules and pages by the feature that owns them."""
    by_owner: dict[str, set[str]] = {}
    for service in services:
        for path, file in service.files.items():
            if path.endswith(SUFFIXES):
                by_owner.setdefault(group(path), set()).add(f"{path}\n{file.text}")
    return by_owner


def missing(terms: Iterable[str], searched: Iterable[str]) -> list[str]:
    """Return the search terms that no text contains."""
    searched = list(searched)
    return [term for term in terms if not any(pattern(term).search(text) for text in searched)]


@pytest.fixture(scope="module")
def searchable(serve: Callable[[Answers], Service]) -> Mapping[str, list[str]]:
    """Return for each feature the texts, from services with every feature, in which its terms are searched."""
    by_owner = texts(serve(answers) for answers in FULLEST)
    return {name: [text for owner in owned for text in by_owner.get(owner, ())] for name, owned in groups().items()}


@pytest.mark.parametrize("feature", TERMS)
def test_feature_contains_search_terms(feature: str, searchable: Mapping[str, list[str]]) -> None:
    assert searchable[feature], f"{feature} owns no module and no page"
    terms = missing(TERMS[feature], searchable[feature])
    assert not terms, f"Write these terms where {feature} implements them: {', '.join(terms)}."


def test_search_term_count_is_at_least_ninety() -> None:
    assert len({term.lower() for terms in TERMS.values() for term in terms}) >= 90
    assert TERMS.keys() <= {SERVICE.name, *(feature.name for feature in FEATURES)}


@pytest.mark.parametrize(
    ("term", "text"),
    [("throttle", "Throttled"), ("dead letter", "a dead\nletter"), ("TTL", "its ttls"), ("CSRF", "csrf_token")],
)
def test_term_is_found_in_text(term: str, text: str) -> None:
    assert missing([term], [text]) == []


@pytest.mark.parametrize(("term", "text"), [("TTL", "settled"), ("role", "control"), ("WAL", "walk")])
def test_term_inside_longer_word_is_not_found(term: str, text: str) -> None:
    assert missing([term], [text]) == [term]
