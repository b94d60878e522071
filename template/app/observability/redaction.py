"""Redaction of query values in span URLs, which may contain search terms or tokens."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

PLACEHOLDER = "REDACTED"


class RedactionProcessor(SpanProcessor):
    """Replaces query values in a span's URLs before export; parameter names remain."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Redact the URLs among the initial attributes of a span."""
        attributes = span.attributes or {}
        if query := attributes.get("url.query"):
            span.set_attribute("url.query", redact_query(str(query)))
        for name in ("url.full", "http.url"):
            if url := attributes.get(name):
                parts = urlsplit(str(url))
                redacted = parts._replace(query=redact_query(parts.query), fragment="")
                span.set_attribute(name, urlunsplit(redacted))


def redact_query(query: str) -> str:
    """Return a query string with every value replaced by a placeholder."""
    return urlencode([(name, PLACEHOLDER) for name, _ in parse_qsl(query, keep_blank_values=True)])
