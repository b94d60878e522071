"""Services: business logic and queries, without HTTP and without commits."""
