"""Services with business logic and queries.

Services are independent of HTTP and never commit.
"""
