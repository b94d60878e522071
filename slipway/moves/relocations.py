"""Collect the moves between two renderings, whether declared in `moves.toml`, caused by `was`, or detected by Git."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slipway.errors import CommandError
from slipway.imports.renames import Renames, module_name
from slipway.merge.three_way import Relocations
from slipway.moves.declared import Moves
from slipway.moves.domain_renames import domain_renames, resource_names

if TYPE_CHECKING:
    from slipway.source.rendering import Rendering
    from slipway.source.template import Template
    from slipway.trees import Objects, Tree

MOVES = "updates/moves.toml"


def relocations_between(
    objects: Objects, target: Template, old: Rendering, new: Rendering, trees: tuple[Tree, Tree, Tree]
) -> Relocations:
    """Return the moves between two renderings.

    `trees` contains the Git trees of both renderings and of the service.
    """
    try:
        declared = Moves.parse(target.read(target.resolve(str(new.record["_commit"])), MOVES))
    except ValueError as error:
        raise CommandError(f"{MOVES} of {target.source}: {error}") from error
    renames = domain_renames(old, new)
    paths = declared.paths(old.files, new.files) | renames.paths
    if old.record["_commit"] != new.record["_commit"] and not has_other_answers(old, new):
        paths = detected(objects, old, new, trees) | paths
    owned = trees[2].keys() - old.files.keys()
    along = declared.along(owned, old.files, {*new.files, *owned})
    moved = declared.renames(old.files, {*new.files, *(owned - along.keys()), *along.values()})
    modules = {module_name(path): module_name(target) for path, target in paths.items() if module_name(path)}
    names = {**moved.names, **renames.names}
    return Relocations(paths | along, Renames({**modules, **moved.modules}, names, paths), renames.rewrite)


def has_other_answers(old: Rendering, new: Rendering) -> bool:
    """Return whether the answer to any question of both versions has changed."""
    both = [name for name in old.record if name in new.record and not name.startswith("_")]
    return any(old.record[name] != new.record[name] for name in both)


def detected(objects: Objects, old: Rendering, new: Rendering, trees: tuple[Tree, ...]) -> dict[str, str]:
    """Return the renamed files that Git detects by their similar content.

    Files of resources are excluded, because they resemble each other.
    """
    before, after = (objects.write(tree) for tree in trees[:2])
    names = resource_names(old) | resource_names(new)
    return {
        path: target
        for path, target in objects.renames(before, after).items()
        if path not in new.files and not (is_of_resource(path, names) or is_of_resource(target, names))
    }


def is_of_resource(path: str, names: set[str]) -> bool:
    """Return whether a file belongs to a resource, because its name starts with the resource's name."""
    stem = PurePosixPath(path).stem.removeprefix("test_")
    return any(stem.startswith(name) for name in names)
