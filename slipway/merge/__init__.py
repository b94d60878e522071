"""Merge a template's changes into a service by a three-way merge of Git trees, and verify the result."""
