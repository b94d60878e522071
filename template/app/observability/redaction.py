"""Redaction of URLs in spans: query values may be search terms, or the tokens of links."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

PLACEHOLDER = "REDACTED"


class RedactionProcessor(SpanProcessor):
    """Replaces the values of query parameters before a span is exported; keeps their names."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Redact the URLs of a span; they are among its initial attributes."""
        attributes = span.attributes or {}
        if query := attributes.get("url.query"):
            span.set_attribute("url.query", redact_query(str(query)))
        for name in ("url.full", "http.url"):
            if url := attributes.get(name):
                parts = urlsplit(str(url))
                redacted = parts._replace(query=redact_query(parts.query), fragment="")
                span.set_attribute(name, urlunsplit(redacted))


def redact_query(query: str) -> str:
    """Return a query string with a placeholder for each value."""
    return urlencode([(name, PLACEHOLDER) for name, _ in parse_qsl(query, keep_blank_values=True)])
