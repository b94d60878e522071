"""Files, modules and names that a release or the domain has moved."""
