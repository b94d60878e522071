"""Map the old dotted paths of moved modules and names to the new ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
REFERENCE = re.compile(rf"({DOTTED.pattern})(?::({DOTTED.pattern}))?")


@dataclass(frozen=True)
class Renames:
    """Old modules, names in modules (`module:name`) and files, each mapped to its new location.

    A module mapped to itself stays, although its package has moved.
    """

    modules: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(old != new for old, new in (*self.modules.items(), *self.names.items()))

    def module(self, old: str) -> str:
        """Return the new dotted path of a module, which moves with its package."""
        parts = old.split(".")
        for size in range(len(parts), 0, -1):
            new = self.modules.get(".".join(parts[:size]))
            if new is not None:
                return ".".join([new, *parts[size:]])
        return old

    def name(self, module: str, name: str) -> tuple[str, str]:
        """Return the new module and the new name for `from module import name`."""
        moved = self.names.get(f"{module}:{name}")
        if moved is not None:
            new_module, _, new_name = moved.partition(":") if ":" in moved else moved.rpartition(".")
            return new_module, new_name
        submodule = self.modules.get(f"{module}.{name}")
        if submodule is not None:
            parent, _, last = submodule.rpartition(".")
            return parent, last
        return self.module(module), name

    def dotted(self, old: str) -> str:
        """Return the new dotted path of a module, or of a name in a module."""
        size, new = self.prefix(old.split("."))
        return ".".join([new, *old.split(".")[size:]]) if size else old

    def prefix(self, parts: list[str]) -> tuple[int, str]:
        """Return the longest moved prefix of a dotted path, as its length and its new path.

        The length is 0 if no prefix has moved.
        """
        for size in range(len(parts), 0, -1):
            module = ".".join(parts[:size])
            if module in self.modules:
                return size, self.modules[module]
            if size > 1 and f"{'.'.join(parts[: size - 1])}:{parts[size - 1]}" in self.names:
                return size, ".".join(self.name(".".join(parts[: size - 1]), parts[size - 1]))
        return 0, ""

    def reference(self, old: str) -> str:
        """Return the new form of a reference such as `app.main`, `app.main.create_app` or `app.main:create_app`."""
        matched = REFERENCE.fullmatch(old)
        if matched is None:
            return old
        module, attribute = matched.groups()
        if attribute is None:
            return self.dotted(module) if "." in module else old
        first, dot, rest = attribute.partition(".")
        new_module, new_name = self.name(module, first)
        return f"{new_module}:{new_name}{dot}{rest}"


def module_name(path: str) -> str:
    """Return the dotted module of a file path such as `app/cache/__init__.py`; empty if it cannot be imported."""
    parts = path.removesuffix(".py").split("/")
    if not path.endswith(".py") or not all(part.isidentifier() for part in parts):
        return ""
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: str) -> list[str]:
    """Return the package of a Python file, to which its relative imports refer."""
    return path.split("/")[:-1]
