"""Alembic environment, revisions, and the steps that they call."""
