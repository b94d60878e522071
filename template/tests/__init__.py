"""Tests of the service; `conftest` defines the shared fixtures."""
