"""Helpers of the tests: fixtures, clients, servers and sample resources."""
