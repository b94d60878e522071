"""What a checkout needs and the image does not: databases to hand, a server that reloads."""

from development.commands import revise, serve
from development.compatibility import compare

__all__ = ["compare", "revise", "serve"]
