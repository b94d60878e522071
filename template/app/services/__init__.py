"""Business logic and database queries, independent of HTTP.

Services never commit.
"""
