"""Tests of the HTTP API: OpenAPI, errors, lists, exports."""
