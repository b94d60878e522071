"""What a checkout needs and the image does not: databases to hand, a server that reloads."""

from development.commands import revise, serve

__all__ = ["revise", "serve"]
