"""Tests of the service, whose shared fixtures are in `conftest`."""
