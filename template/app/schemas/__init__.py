"""Schemas of request bodies, response bodies and query parameters (Pydantic)."""
