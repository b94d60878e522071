"""Tests of change events over WebSockets and server-sent events."""
