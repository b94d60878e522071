"""Backward compatibility: breaking changes between two OpenAPI schemas."""

from development.compatibility.comparison import compare

__all__ = ["compare"]
