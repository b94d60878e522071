"""Schemas: request and response bodies, and query parameters (Pydantic)."""
