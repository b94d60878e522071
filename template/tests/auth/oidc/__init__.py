"""Tests of accounts of an OpenID Connect provider."""
