"""Tests of limits: headers, timeouts, connections, slow clients, and nested JSON."""
