"""Find files, modules and names that a release, a renamed resource or a renamed field has moved."""
