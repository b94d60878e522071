"""Verify a merge by checking that the service's edits are present, files parse, and imports resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.imports.resolution import unresolved
from slipway.merge.edits import count_markers, lacks
from slipway.merge.faults import new_faults

if TYPE_CHECKING:
    from collections.abc import Container

    from slipway.merge.three_way import Merged, Sides
    from slipway.trees import Objects, Tree


def conflicted_paths(objects: Objects, sides: Sides, tree: Tree, waiting: Container[str] = ()) -> list[str]:
    """Return the files with new conflict markers, and all files of `waiting`.

    `waiting` contains the files whose conflicts nobody has resolved.
    """
    changed = [path for path, entry in tree.items() if entry != sides.ours.get(path)]
    objects.read(tree[path].blob for path in changed)
    unmerged = [path for path in tree if path in waiting and path not in changed]  # binary files have no markers
    for path in changed:
        in_sides = max(count_markers(objects.file(side, path) or b"") for side in (sides.ours, sides.theirs))
        if path in waiting or count_markers(objects.file(tree, path) or b"") > in_sides:
            unmerged.append(path)
    return unmerged


def lost_edits(objects: Objects, merged: Merged, deletable: Container[str]) -> list[str]:
    """Return the files in which an edit of the service is missing after the merge."""
    base, ours = merged.sides.base, merged.sides.ours
    origins = {target: path for path, target in merged.followed.items()}
    lost = []
    for path, entry in ours.items():
        origin = path if path in base else origins.get(path, path)
        if merged.tree.get(path) == entry or base.get(origin) == entry or path in merged.stages or path in deletable:
            continue
        result, edited = objects.file(merged.tree, path), objects.file(ours, path)
        before, theirs = objects.file(base, origin) or b"", objects.file(merged.sides.theirs, origin)
        if result is None or edited is None or lacks(result, before, edited, theirs):
            lost.append(path)
    return lost


def faults_of_merge(objects: Objects, sides: Sides, tree: Tree, conflicts: Container[str]) -> list[str]:
    """Return faults that neither side had, such as syntax errors, duplicate definitions and unresolved imports."""
    changed = [path for path, entry in tree.items() if entry != sides.ours.get(path) and path not in conflicts]
    faults = [
        f"{path}: {fault}"
        for path in changed
        for fault in new_faults(
            path, objects.file(tree, path) or b"", objects.file(sides.ours, path), objects.file(sides.theirs, path)
        )
    ]
    before, after = (unresolved_imports(objects, each) for each in (sides.ours, tree))
    return faults + [f"{path}: {problem}" for path, problem in sorted(after - before) if path not in conflicts]


def unresolved_imports(objects: Objects, tree: Tree) -> set[tuple[str, str]]:
    """Return the imports in a tree's Python files whose target does not exist in the tree."""
    files = {path: entry.blob for path, entry in tree.items() if path.endswith(".py") and entry.mode.startswith("100")}
    objects.read(files.values())
    return unresolved(files, objects.content)


def changed_seeds(objects: Objects, merged: Merged, old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    """Return the seeds whose later changes in the template are missing in the service."""
    paths = []
    for path in sorted(old.keys() & new.keys()):
        current = objects.file(merged.tree, path) if old[path] != new[path] else None
        if current is not None and lacks(current, old[path], new[path], current):
            paths.append(path)
    return paths
