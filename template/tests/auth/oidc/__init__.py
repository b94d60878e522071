"""Tests of accounts that log in at an OpenID Connect provider."""
