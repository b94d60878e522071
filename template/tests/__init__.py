"""The tests; `conftest` says what they share."""
