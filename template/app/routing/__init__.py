"""Routing of requests: below the path prefix of a reverse proxy, and HEAD to routes of GET."""
