"""Tests of the server, its middleware, settings and commands."""
