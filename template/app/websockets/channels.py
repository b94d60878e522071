"""Channels: one per resource of the API, and those that the service opens for its own messages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from fastapi.routing import APIRoute

from app import routers


@dataclass(frozen=True)
class Channel:
    """A channel of change events, or of messages that the service sends."""

    policy: Any = None  # `READ` of the router: the dependency that restricts who reads which rows
    is_resource: bool = True


Channels = Mapping[str, Channel]


def resource_channels() -> dict[str, Channel]:
    """Return a channel for each resource that a router reads, with the router's `READ`."""
    return {
        name: Channel(getattr(module, "READ", None))
        for module in _routers()
        for name in _resources(module)
    }


def _routers() -> Iterator[ModuleType]:
    for module in iter_modules(routers.__path__, f"{routers.__name__}."):
        yield import_module(module.name)


def _resources(module: ModuleType) -> Iterator[str]:
    """Yield the first path segment of the routes that read a list or one row."""
    for route in module.router.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            name, *rest = route.path.strip("/").split("/")
            if name and (not rest or (len(rest) == 1 and rest[0].startswith("{"))):
                yield name
