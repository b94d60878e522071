"""Merge a template's change into a service with `git merge-tree`, without a checkout.

The base is the rendering of the recorded version, one side is the service's commit, the other the rendering of the new
version. Moves of the template are applied to the base and to the service first, imports included, so that Git sees
equal paths; it detects the owner's renames itself. Files that the template deletes take part in the merge, and are
deleted afterwards: otherwise Git would detect similar new modules as their renames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slipway.git import failure, names, run_git
from slipway.imports.files import is_rewritten, rewrite_files
from slipway.imports.order import find_ruff, keep_order
from slipway.imports.renames import Renames
from slipway.merge.adjacent import merge_adjacent
from slipway.trees import Entry, Objects, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slipway.source.rendering import Rendering

CONFIG = ("-c", "merge.renames=true", "-c", "merge.directoryRenames=true", "-c", "merge.conflictStyle=merge")
SIDE = re.compile("~[0-9a-f]{40,64}$")  # Git's suffix of a path at which a side has another type of file
OURS, THEIRS = "before updating", "after updating"  # the labels of conflicts, as Copier writes them


@dataclass(frozen=True)
class Relocations:
    """Files that the template has moved, with the modules and names that moved along."""

    paths: Mapping[str, str] = field(default_factory=dict)
    renames: Renames = field(default_factory=Renames)
    rewrite: Callable[[str, str], str] = lambda _, text: text  # further changes of the text of a file, by its path

    def __bool__(self) -> bool:
        return bool(self.paths or self.renames)


@dataclass(frozen=True)
class Sides:
    """The trees of a three-way merge: the base, the service (`ours`) and the template (`theirs`).

    Files in `base` and `ours` are already at their new paths.
    """

    base: Tree
    ours: Tree
    theirs: Tree


@dataclass
class Merged:
    """The merged tree, its conflicts, and the decisions that the merge has made automatically."""

    sides: Sides
    tree: Tree  # conflicts with markers
    stages: dict[str, dict[int, Entry]] = field(default_factory=dict)  # of conflicted paths, as in Git's index
    left_deleted: list[str] = field(default_factory=list)  # deleted by the owner, changed by the template
    dropped: list[str] = field(default_factory=list)  # deleted by the template, edited by the owner
    adjacent: list[str] = field(default_factory=list)  # merged, though both sides changed adjacent lines
    followed: dict[str, str] = field(default_factory=dict)  # renamed by the owner
    moved: dict[str, str] = field(default_factory=dict)  # moved by the template, and edited by the owner
    rewritten: list[str] = field(default_factory=list)  # files of the owner whose imports were rewritten


@dataclass(frozen=True)
class Change:
    """A change of the template: the files that it renders before (`base`) and after it (`theirs`).

    `seeds` are files that are rendered only once.
    """

    base: Tree
    theirs: Tree
    seeds: frozenset[str] = frozenset()
    relocations: Relocations = field(default_factory=Relocations)


def merge(objects: Objects, ours: Tree, change: Change) -> Merged:
    """Merge a change of the template into the files of a service."""
    relocations = replace(change.relocations, paths=free_paths(change, ours))
    change, theirs = replace(change, relocations=relocations), dict(change.theirs)
    base, moved = relocated(objects, ours, change)
    for path in change.seeds:
        keep_seed(relocations.paths.get(path, path), base, moved, theirs)
    deletions = {path for path in base.keys() - theirs.keys() if not is_swapped(path, theirs)}
    merged = merge_trees(objects, Sides(base, moved, theirs | {path: base[path] for path in deletions}))
    for path in sorted(merged.followed.get(path, path) for path in deletions):
        if path in merged.tree and merged.tree[path] == base.get(path):
            del merged.tree[path]
        elif path in merged.tree:
            merged.dropped.append(path)
    edited = {path for path, entry in ours.items() if change.base.get(path) != entry}
    merged.moved = {
        path: target for path, target in relocations.paths.items() if path in edited and target in merged.tree
    }
    stayed = edited - relocations.paths.keys()
    merged.rewritten = sorted(path for path in stayed if moved.get(path, ours[path]).blob != ours[path].blob)
    return merged


def is_swapped(path: str, theirs: Tree) -> bool:
    """Return whether the template replaced a file by a directory, or a directory by a file."""
    is_directory = any(other.startswith(f"{path}/") for other in theirs)
    return is_directory or any(str(parent) in theirs for parent in PurePosixPath(path).parents)


def free_paths(change: Change, ours: Tree) -> dict[str, str]:
    """Return the template's moves whose target does not collide with a file that the service has added."""
    added = ours.keys() - change.base.keys()
    occupied = {str(path) for file in added for path in (PurePosixPath(file), *PurePosixPath(file).parents)}
    return {
        path: target for path, target in change.relocations.paths.items() if path not in ours or target not in occupied
    }


def stored(objects: Objects, rendering: Rendering) -> Tree:
    """Write the rendered files to Git's object database, and return them as a tree."""
    blobs = objects.store(file.content for file in rendering.files.values())
    return {path: Entry(file.mode, blob) for (path, file), blob in zip(rendering.files.items(), blobs, strict=True)}


def keep_seed(path: str, base: Tree, ours: Tree, theirs: Tree) -> None:
    """Keep the service's version of a seed, which is a file that the template renders only once.

    Only a seed that is new in the template and missing in the service is added.
    """
    if path in base and path in theirs:
        theirs[path] = base[path]
    elif path in base:
        del base[path]
    elif path in ours:
        theirs.pop(path, None)


def relocated(objects: Objects, ours: Tree, change: Change) -> tuple[Tree, Tree]:
    """Move files in the base and in the service to the template's new paths, and rewrite imports."""
    relocations = change.relocations
    if not relocations:
        return dict(change.base), dict(ours)
    texts = [texts_of(objects, tree) for tree in (change.base, ours)]
    rewritten = [rewrite(each, relocations) for each in texts]
    pairs = {
        f"{side}:{path}": (texts[side][path], text)
        for side, changed in enumerate(rewritten)
        for path, text in changed.items()
    }
    style = texts[1].get("ruff.toml", "")
    ordered = keep_order(pairs, style, find_ruff(objects.directory))
    base, moved = ({path: ordered[f"{side}:{path}"] for path in changed} for side, changed in enumerate(rewritten))
    return moved_tree(objects, change.base, relocations, base), moved_tree(objects, ours, relocations, moved)


def texts_of(objects: Objects, tree: Tree) -> dict[str, str]:
    """Return the text of each file in a tree that may import or mention a Python module."""
    files = {path: entry for path, entry in tree.items() if is_rewritten(path) and entry.mode.startswith("100")}
    objects.read(entry.blob for entry in files.values())
    return {path: text for path in files if (text := decoded(objects, tree, path)) is not None}


def rewrite(texts: Mapping[str, str], relocations: Relocations) -> dict[str, str]:
    """Rewrite references to moved modules and names, and return the changed texts by their old paths."""
    now = {path: relocations.rewrite(path, text) for path, text in texts.items()}
    imported = rewrite_files(now, relocations.renames, relocations.paths)
    return {path: text for path, text in (now | imported).items() if text != texts[path]}


def moved_tree(objects: Objects, tree: Tree, relocations: Relocations, texts: Mapping[str, str]) -> Tree:
    """Return a tree in which files are at their new paths and have their rewritten texts."""
    blobs = dict(zip(texts, objects.store(text.encode() for text in texts.values()), strict=True))
    return {
        relocations.paths.get(path, path): entry._replace(blob=blobs.get(path, entry.blob))
        for path, entry in tree.items()
    }


def decoded(objects: Objects, tree: Tree, path: str) -> str | None:
    """Return a file of a tree as text; None if it is missing or binary."""
    content = objects.file(tree, path)
    try:
        return content.decode() if content is not None else None
    except UnicodeDecodeError:
        return None


def merge_trees(objects: Objects, sides: Sides) -> Merged:
    """Merge three trees with `git merge-tree --write-tree`, and resolve the conflicts that are safe to resolve."""
    base = objects.commit(objects.write(sides.base))
    ours_tree = objects.write(sides.ours)
    ours, theirs = (objects.commit(tree, base) for tree in (ours_tree, objects.write(sides.theirs)))
    arguments = (*CONFIG, "merge-tree", "--write-tree", "-z", ours, theirs)
    done = run_git(objects.directory, *arguments)
    if done.returncode not in {0, 1}:
        raise failure(arguments, done)
    output = done.stdout.decode(errors="surrogateescape")
    name, _, rest = output.partition("\0")
    conflicts, _, _ = rest.partition("\0\0")
    merged = Merged(sides, objects.tree(name), conflicted(conflicts) if done.returncode else {})
    merged.followed = {
        path: target for path, target in objects.renames(f"{base}^{{tree}}", ours_tree).items() if target in merged.tree
    }
    resolve_deletions(merged)
    resolve_adjacent(objects, merged)
    relabel(objects, merged, {ours: OURS, theirs: THEIRS})
    return merged


def conflicted(output: str) -> dict[str, dict[int, Entry]]:
    """Parse the conflicts that `git merge-tree` prints as mode, object id, stage and path of each file."""
    stages: dict[str, dict[int, Entry]] = {}
    for line in names(output):
        about, _, path = line.partition("\t")
        mode, blob, stage = about.split(" ")
        stages.setdefault(path, {})[int(stage)] = Entry(mode, blob)
    return stages


def resolve_deletions(merged: Merged) -> None:
    """Resolve conflicts in files that the service deleted and the template changed, by keeping them deleted."""
    for path in [path for path, stages in merged.stages.items() if stages.keys() == {1, 3}]:
        merged.tree.pop(path, None)
        del merged.stages[path]
        name = SIDE.sub("", path)
        if merged.stages.get(name, {}).keys() == {2}:
            del merged.stages[name]
        merged.left_deleted.append(name)


def resolve_adjacent(objects: Objects, merged: Merged) -> None:
    """Resolve conflicts in which the two sides changed adjacent lines, but not the same ones."""
    results: dict[str, bytes] = {}
    for path, stages in merged.stages.items():
        is_edited_file = stages.keys() == {1, 2, 3} and {entry.mode[:3] for entry in stages.values()} == {"100"}
        if is_edited_file and path in merged.tree:
            base, ours, theirs = (objects.content(stages[stage].blob) for stage in (1, 2, 3))
            if (content := merge_adjacent(path, ours, base, theirs)) is not None:
                results[path] = content
    for path, blob in zip(results, objects.store(results.values()), strict=True):
        merged.tree[path] = merged.tree[path]._replace(blob=blob)
        del merged.stages[path]
    merged.adjacent = sorted(results)


def relabel(objects: Objects, merged: Merged, labels: Mapping[str, str]) -> None:
    """Replace the commit ids in conflict markers by readable labels."""
    paths = [path for path in merged.stages if path in merged.tree]
    contents = []
    for path in paths:
        content = objects.content(merged.tree[path].blob)
        for commit, label in labels.items():
            content = content.replace(commit.encode(), label.encode())
        contents.append(content)
    for path, blob in zip(paths, objects.store(contents), strict=True):
        merged.tree[path] = merged.tree[path]._replace(blob=blob)
