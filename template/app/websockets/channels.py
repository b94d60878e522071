"""Channels: one per resource for change events, and others for messages of the service."""

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
    """Channel of one resource's change events, or of messages that the service sends."""

    policy: Any = None  # `READ` of the router: the dependency that restricts who reads which rows
    is_resource: bool = True


Channels = Mapping[str, Channel]


def resource_channels() -> dict[str, Channel]:
    """Return a channel for each resource of the API.

    The `READ` dependency of the resource's router restricts who may read the channel.
    """
    return {
        name: Channel(getattr(module, "READ", None))
        for module in _routers()
        for name in _resources(module)
    }


def _routers() -> Iterator[ModuleType]:
    for module in iter_modules(routers.__path__, f"{routers.__name__}."):
        yield import_module(module.name)


def _resources(module: ModuleType) -> Iterator[str]:
    """Yield the names of the resources that a router's GET routes read."""
    for route in module.router.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            name, *rest = route.path.strip("/").split("/")
            if name and (not rest or (len(rest) == 1 and rest[0].startswith("{"))):
                yield name
