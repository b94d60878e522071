"""Tests of cached values, cached list totals and ETags."""
