"""Imports of Python modules: read, rewritten, sorted and resolved without running anything; standard library only."""
