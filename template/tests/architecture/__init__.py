"""Tests of the architecture: imports, routes, access policies."""
