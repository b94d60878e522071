"""Backward compatibility: breaking changes between two OpenAPI schemas."""

from development.compatibility.comparing import compare

__all__ = ["compare"]
