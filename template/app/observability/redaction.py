"""Discretion: what people search for, and what a link lets them do, stays out of spans."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

HIDDEN = "REDACTED"


class RedactionProcessor(SpanProcessor):
    """Hides the values of a query before anybody reads the span; its names stay."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Look at what the span begins with, which is where URLs stand."""
        attributes = span.attributes or {}
        if query := attributes.get("url.query"):
            span.set_attribute("url.query", redacted(str(query)))
        for name in ("url.full", "http.url"):
            if url := attributes.get(name):
                parts = urlsplit(str(url))
                plain = parts._replace(query=redacted(parts.query), fragment="")
                span.set_attribute(name, urlunsplit(plain))


def redacted(query: str) -> str:
    """Keep the names of a query."""
    return urlencode([(name, HIDDEN) for name, _ in parse_qsl(query, keep_blank_values=True)])
