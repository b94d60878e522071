"""What a change takes from clients: two descriptions of the API, compared."""

from development.compatibility.comparing import compare

__all__ = ["compare"]
