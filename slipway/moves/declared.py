"""Parse `updates/moves.toml`, which lists the files, modules and names that releases have moved or deleted."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.imports.renames import Renames, module_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

VERSION = re.compile(r"\d+(\.\d+)*([.-]?[a-z]+\.?\d*)?")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
NAME = re.compile(rf"({MODULE.pattern}:)?[^\W\d]\w*")


@dataclass(frozen=True)
class FileMove:
    """A file that a release has moved or deleted.

    A path with `*` stands for several files. `new` is None for a deleted file.
    """

    version: tuple[int, ...]
    old: str
    new: str | None

    def path(self, path: str) -> str | None:
        """Return the new path of a file; None if this move does not apply to it."""
        head, star, tail = self.old.partition("*")
        if not star:
            return self.new if path == self.old else None
        if self.new is None or not self.matches(path):
            return None
        return self.new.replace("*", path[len(head) : len(path) - len(tail)])

    def matches(self, path: str) -> bool:
        """Return whether this move applies to the file at a path."""
        head, star, tail = self.old.partition("*")
        if not star:
            return path == self.old
        return len(path) >= len(head) + len(tail) and path.startswith(head) and path.endswith(tail)


@dataclass(frozen=True)
class ModuleMove:
    """A module that a release has merged into another one, with the names that were renamed in the merge."""

    version: tuple[int, ...]
    old: str
    new: str
    names: tuple[tuple[str, str], ...] = ()  # new ones may be in a third module: `module:name`


@dataclass(frozen=True)
class Moves:
    """The moves that all releases declare, oldest first."""

    files: tuple[FileMove, ...] = ()
    modules: tuple[ModuleMove, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Moves:
        """Parse the text of `moves.toml`.

        Raises:
            ValueError: an entry is invalid, or the text is not TOML.
        """
        tables = tomllib.loads(text)
        unknown = sorted(tables.keys() - {"moves", "modules"})
        if unknown:
            raise ValueError(f"moves.toml: unknown key {unknown[0]!r}; it has [[moves]] and [[modules]].")
        files = [_file_move(entry) for entry in _entries(tables, "moves")]
        modules = [_module_move(entry) for entry in _entries(tables, "modules")]
        return cls(_sorted(files), _sorted(modules))

    def __or__(self, other: Moves) -> Moves:
        """Return the moves of both sides combined, such as those of a fork and of the original template."""
        return Moves(_sorted([*self.files, *other.files]), _sorted([*self.modules, *other.modules]))

    def path(self, old: str) -> str:
        """Return the path of a file after all its moves, or the same path if it has not moved."""
        *_, last = self._paths(old)
        return last

    def declares(self, path: str) -> bool:
        """Return whether `moves.toml` declares that a file was moved, merged or deleted."""
        module = module_name(path)
        return any(move.matches(path) for move in self.files) or any(module == move.old for move in self.modules)

    def paths(self, before: Iterable[str], after: Collection[str]) -> dict[str, str]:
        """Return the files that an update has moved, as a mapping from old to new paths.

        Args:
            before: the paths of the old rendering
            after: the paths of the new one
        """
        removed = sorted(set(before) - set(after))
        history = {old: [path for path in self._paths(old)[1:] if path in after] for old in removed}
        return {old: paths[-1] for old, paths in history.items() if paths}

    def along(self, owned: Iterable[str], before: Iterable[str], after: Collection[str]) -> dict[str, str]:
        """Return the new paths of the service's own files in directories that the update has moved completely.

        A router of the owner's would not be found in the old directory.

        Args:
            owned: the paths of the owner's own files
            before: the paths of the old rendering
            after: the paths of the new one, and of the owner's files
        """
        before = set(before)
        remaining = {folder for path in before & set(after) for folder in _folders(path)}
        targets: dict[str, set[str]] = {}
        for old, new in self.paths(before, after).items():
            for folder in _folders(old):
                tail = old[len(folder) :]
                targets.setdefault(folder, set()).add(new.removesuffix(tail) if new.endswith(tail) else "")
        moved = {old: new for old, (new, *others) in targets.items() if new and not others and old not in remaining}
        along = {}
        for path in sorted(set(owned) - before):
            inside = [folder for folder in _folders(path) if folder in moved]
            target = moved[inside[0]] + path[len(inside[0]) :] if inside else path
            if target != path and target not in after:
                along[path] = target
        return along

    def renames(self, before: Iterable[str], after: Collection[str]) -> Renames:
        """Return the modules, names and files that an update has moved, for rewriting imports.

        A module is renamed only if the old one is deleted and the new one exists; a package if all its modules moved to
        the same package. Names that were renamed in a module that stays have an entry from the module to itself.
        Modules that stay in a moved package, such as the owner's, are mapped to themselves.

        Args:
            before: the paths of the old rendering
            after: the paths of the new one, and of the owner's files
        """
        before, present = set(before), {module_name(path) for path in after} - {""}
        same = {module_name(path) for path in before & set(after)}  # others of these names are new packages
        modules: dict[str, str] = {}
        names: dict[str, str] = {}
        for module in sorted({module_name(path) for path in before} - {""}):
            for new, renamed in self._modules(module):
                is_face = module in present and new.startswith(f"{module}.")  # of the package that replaced it
                if new != module and (module in same or is_face):
                    break  # only names that were renamed in place
                if new in present and new != module:
                    modules[module] = new
                targets = {f"{module}:{old}": target for old, target in renamed.items()}
                names |= {old: target for old, target in targets.items() if target.partition(":")[0] in present}
        modules |= _packages(modules, present)
        moved = Renames(modules)
        stay = {module: module for module in sorted(present) if moved.module(module) != module}
        return Renames(stay | modules, names, self.paths(before, after))

    def _paths(self, old: str) -> list[str]:
        """Return all paths that a file has had, from `old` to the current one."""
        paths = [old]
        since: tuple[int, ...] = ()
        pending = list(self.files)
        while True:
            move = next((move for move in pending if move.version >= since and move.matches(paths[-1])), None)
            new = move.path(paths[-1]) if move else None
            if move is None or new is None:
                return paths
            pending.remove(move)
            since = move.version
            paths.append(new)

    def _modules(self, old: str, since: tuple[int, ...] = ()) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the path of a module after each of its moves, the oldest first.

        Each path comes with the current locations of the names that the moves renamed.
        """
        module = old
        names: dict[str, str] = {}
        pending: list[FileMove | ModuleMove] = [*self.modules, *self.files]
        while True:
            steps = ((move, self._step(move, module)) for move in pending if move.version >= since)
            first = min(
                (
                    (move.version, -len(_exact(move, module)), number, move, new)
                    for number, (move, new) in enumerate(steps)
                    if new
                ),
                default=None,
            )  # the oldest first, and of these the most specific
            if first is None:
                return
            since, _, _, move, new = first
            pending.remove(move)
            if isinstance(move, ModuleMove) and move.old == module:
                names = self._rename(names, move, module)
            names = {
                name: f"{new}:{target.partition(':')[2]}" if target.partition(":")[0] == module else target
                for name, target in names.items()
            }
            module = new
            yield module, names

    def _step(self, move: FileMove | ModuleMove, module: str) -> str | None:
        """Return the path of a module after one move; None if the move does not affect the module."""
        if isinstance(move, ModuleMove):
            inside = f"{module}.".startswith(f"{move.old}.")
            return move.new + module[len(move.old) :] if inside else None
        base = module.replace(".", "/")
        for path in (f"{base}.py", f"{base}/__init__.py"):
            new = move.path(path)
            if new and module_name(new):
                return module_name(new)
        return None

    def _rename(self, names: dict[str, str], move: ModuleMove, module: str) -> dict[str, str]:
        """Return the current locations of the names that a move of their module has renamed."""
        current = {target: name for name, target in names.items()}
        for old, new in move.names:
            target = new if ":" in new else f"{module}:{new}"
            if ":" in new:  # it may have moved on since
                third, _, name = new.partition(":")
                later = [later_name for later_name, _ in self._modules(third, move.version)]
                target = f"{later[-1] if later else third}:{name}"
            names = names | {current.get(f"{module}:{old}", old): target}
        return names


def _folders(path: str) -> list[str]:
    """Return the parent directories of a file, the innermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:size]) for size in range(len(parts), 0, -1)]


def _exact(move: FileMove | ModuleMove, module: str) -> str:
    """Return the part of a move's pattern before `*`.

    A longer part makes the move more specific.
    """
    if isinstance(move, ModuleMove):
        return f"{move.old}." if move.old == module else move.old
    return module if "*" not in move.old else move.old.partition("*")[0]


def _packages(modules: dict[str, str], present: set[str]) -> dict[str, str]:
    """Map each package to the package into which all its modules have moved.

    Packages whose modules moved to several places are omitted.
    """
    targets: dict[str, set[str]] = {}
    for old, new in modules.items():
        parts = old.split(".")
        for size in range(1, len(parts)):
            tail = "." + ".".join(parts[size:])
            package = new.removesuffix(tail) if new.endswith(tail) else ""
            targets.setdefault(".".join(parts[:size]), set()).add(package)
    parents = {".".join(name.split(".")[:size]) for name in present for size in range(1, name.count(".") + 2)}
    return {
        package: new
        for package, candidates in targets.items()
        for new in candidates
        if len(candidates) == 1 and new in parents and package not in parents | modules.keys()
    }


def _sorted(moves: list[Any]) -> tuple[Any, ...]:
    """Sort moves by the version that made them, and preserve the order within a version."""
    return tuple(sorted(moves, key=lambda move: move.version))


def _entries(tables: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return an array of TOML tables by its key; raise `ValueError` if it is anything else."""
    entries = tables.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"moves.toml: {key} is a list of tables: [[{key}]].")
    return entries


def _file_move(entry: dict[str, Any]) -> FileMove:
    """Parse and check one `[[moves]]` entry of `moves.toml`."""
    problem = _problem(entry, {"version", "from", "to", "why"}, {"version", "from"})
    old, new = entry.get("from", ""), entry.get("to")
    if not problem:
        if ("to" in entry) == ("why" in entry):
            problem = "set either to (the new path) or why (the reason of a deletion)"
        elif any(path.startswith("/") or ".." in path.split("/") for path in (old, new or "")):
            problem = "paths are relative to the service's directory"
        elif old.count("*") > 1 or (new is not None and new.count("*") != old.count("*")):
            problem = "from and to both have one *, or neither has any"
        elif old == new:
            problem = "from and to are equal"
    if problem:
        raise ValueError(f"moves.toml: [[moves]] {old or entry}: {problem}.")
    return FileMove(_version(entry), old, new)


def _module_move(entry: dict[str, Any]) -> ModuleMove:
    """Parse and check one `[[modules]]` entry of `moves.toml`."""
    names = entry.get("names", {})
    others = {key: value for key, value in entry.items() if key != "names"}
    problem = _problem(others, {"version", "from", "to"}, {"version", "from", "to"})
    if not problem:
        if not (MODULE.fullmatch(entry["from"]) and MODULE.fullmatch(entry["to"])):
            problem = "from and to are modules, such as app.auth.passwords"
        elif not isinstance(names, dict) or not all(
            isinstance(new, str) and old.isidentifier() and NAME.fullmatch(new) for old, new in names.items()
        ):
            problem = 'names are like {hash = "hash_password"} or {hash = "app.other:hash"}'
        elif entry["from"] == entry["to"] and not names:
            problem = "from and to are equal, and names is missing"
    if problem:
        raise ValueError(f"moves.toml: [[modules]] {entry.get('from') or entry}: {problem}.")
    return ModuleMove(_version(entry), entry["from"], entry["to"], tuple(names.items()))


def _problem(entry: dict[str, Any], allowed: set[str], required: set[str]) -> str:
    """Return why the keys of an entry in `moves.toml` are invalid; empty if they are valid."""
    for key in sorted(required):
        if not entry.get(key):
            return f"{key} is missing"
    for key, value in entry.items():
        if key not in allowed:
            return f"unknown key {key}"
        if not isinstance(value, str) or not value:
            return f"{key} is a text"
    return "" if VERSION.fullmatch(entry["version"]) else f"{entry['version']} is not a version such as 2.0.0"


def _version(entry: dict[str, Any]) -> tuple[int, ...]:
    """Return the numbers of a version, without the suffix of a pre-release."""
    release = re.match(r"[\d.]*\d", entry["version"])
    return tuple(int(part) for part in release[0].split(".")) if release else ()
