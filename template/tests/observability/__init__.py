"""Tests of traces, metrics and error reports."""
