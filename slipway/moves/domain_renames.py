"""Rename the files and identifiers of resources and fields that `was` declares as renamed.

The files of a renamed resource move. In them, and in modules that import from them, old words are replaced in both
the base and the service, so that the merge sees the owner's edits only.
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from slipway.imports.renames import module_name
from slipway.imports.resolution import parse
from slipway.service.record import former_name

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from slipway.source.rendering import Rendering

TABLE = re.compile(rb'__tablename__ = "(\w+)"')
WORD = re.compile(rb"[A-Za-z_]\w*")
BEFORE, AFTER = re.compile(r"\w*\Z"), re.compile(r"\w*")  # the rest of an identifier
IGNORED = re.compile(r"#[^\n]*\bignore\[[^\]\n]*\Z")  # the beginning of a type checker's error code


@dataclass(frozen=True)
class DomainRenames:
    """The moved paths, new names and replaced words that follow from renamed resources and fields."""

    paths: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by the path of a file
    preserved: Mapping[str, frozenset[str]] = field(default_factory=dict)  # identifiers, by the path of a file

    def rewrite(self, path: str, text: str) -> str:
        """Replace old words in a file that belongs to a renamed resource or to one with renamed fields."""
        words = self.words.get(path)
        return replacement(words, self.preserved.get(path, frozenset()))(text) if words else text


def resources(rendering: Rendering) -> list[dict[str, Any]]:
    """Return the resources that a rendering's answers declare."""
    answer = rendering.record.get("resources")
    return [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []


def resource_names(rendering: Rendering) -> set[str]:
    """Return the names of the resources that a rendering's answers declare."""
    return {str(each.get("name")) for each in resources(rendering)}


def domain_renames(old: Rendering, new: Rendering) -> DomainRenames:
    """Return the renames of resources and fields that `was` declares between two renderings."""
    before = {each["name"]: each for each in resources(old)}
    renames = DomainRenames()
    words: dict[str, dict[str, str]] = {}
    preserved: dict[str, frozenset[str]] = {}
    for resource in resources(new):
        name = str(resource["name"])
        former = renamed_from(resource, name, before)
        fields = former_fields(resource, before.get(former, {}))
        if former == name and not fields:
            continue
        variants = spellings(fields)
        if former != name:
            renames.paths.update(moved_paths(old, new, former, name))
            variants |= spellings({former: name, table(old, former): table(new, name)})
            renames.names.update(moved_names(old, renames.paths, variants))
        paths = [path for path in old.files if belongs(path, former, table(old, former))]
        words |= dict.fromkeys(paths, variants)
        preserved |= dict.fromkeys(paths, preserved_identifiers(old, new, former, name))
    return DomainRenames(renames.paths, renames.names, words, preserved)


def preserved_identifiers(old: Rendering, new: Rendering, former: str, name: str) -> frozenset[str]:
    """Return identifiers such as `order_by` that contain a renamed word, but must not change.

    Identifiers that are no longer in the resource's own files are renamed, even if another resource uses them.
    """
    before = identifiers(old, [path for path in old.files if belongs(path, former, table(old, former))])
    after = identifiers(new, [path for path in new.files if belongs(path, name, table(new, name))])
    return frozenset(after | (identifiers(new, new.files) - before))


def identifiers(rendering: Rendering, paths: Iterable[str]) -> set[str]:
    """Return all words in Python files, including those in comments and strings."""
    matches = (WORD.findall(rendering.files[path].content) for path in paths if path.endswith(".py"))
    return {word.decode() for words in matches for word in words}


def renamed_from(resource: Mapping[str, Any], name: str, before: Mapping[str, Any]) -> str:
    """Return the former name of a resource if this update renames it, otherwise its current name."""
    was = str(former_name(resource) or name)
    return was if name not in before and was in before else name


def former_fields(resource: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a resource that this update renames, as a mapping from old to new names."""
    had = before.get("fields") or {}
    fields = resource.get("fields") or {}
    return {
        str(about["was"]): str(name)
        for name, about in fields.items()
        if isinstance(about, dict) and about.get("was") in had and name not in had
    }


def table(rendering: Rendering, name: str) -> str:
    """Return the name of a resource's table from the rendered model, or the resource's name if it has no model."""
    model = rendering.files.get(f"app/models/{name}.py")
    matched = TABLE.search(model.content) if model else None
    return matched[1].decode() if matched else name


def belongs(path: str, name: str, plural: str) -> bool:
    """Return whether a file belongs to a resource, because it is named after the resource or its plural."""
    return PurePosixPath(path).stem.removeprefix("test_") in {name, plural}


def moved_paths(old: Rendering, new: Rendering, former: str, name: str) -> dict[str, str]:
    """Return the files of a renamed resource, as a mapping from old to new paths."""
    stems = {former: name, table(old, former): table(new, name)}
    moved = {}
    for path in old.files.keys() - new.files.keys():
        file = PurePosixPath(path)
        prefix = "test_" if file.stem.startswith("test_") else ""
        stem = file.stem.removeprefix(prefix)
        targets = [stems.get(stem), *stems.values()] if stem in stems else []
        for target in targets:
            candidate = str(file.with_name(f"{prefix}{target}{file.suffix}"))
            if candidate in new.files and candidate not in old.files:
                moved[path] = candidate
                break
    return moved


def moved_names(old: Rendering, paths: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
    """Map the old names of classes and functions in moved modules to the new names, as `module:name`."""
    replace = replacement(words)
    names = {}
    for path, target in paths.items():
        syntax = parse(old.files[path].content) if path.endswith(".py") else None
        for name in syntax.names if syntax else ():
            if replace(name) != name:
                names[f"{module_name(path)}:{name}"] = f"{module_name(target)}:{replace(name)}"
    return names


def spellings(words: Mapping[str, str]) -> dict[str, str]:
    """Return renamed words in every spelling, such as `order_item`, `OrderItem`, `ORDER_ITEM` and `order-item`."""
    variants: dict[str, str] = {}
    for old, new in words.items():
        for spell in (str, pascal, str.upper, kebab, spaced, sentence):
            variants.setdefault(spell(old), spell(new))
    return variants


def pascal(name: str) -> str:
    """Return a snake_case name in PascalCase."""
    return "".join(part.capitalize() for part in name.split("_"))


def kebab(name: str) -> str:
    """Return a snake_case name in kebab-case."""
    return name.replace("_", "-")


def spaced(name: str) -> str:
    """Return a snake_case name as separate words."""
    return name.replace("_", " ")


def sentence(name: str) -> str:
    """Return a snake_case name as separate words, of which the first is capitalised."""
    return spaced(name).capitalize()


def replacement(words: Mapping[str, str], preserved: Container[str] = ()) -> Callable[[str], str]:
    """Return a function that replaces old words in a text, also inside longer identifiers."""
    longest_first = sorted(words, key=len, reverse=True)
    alternatives = "|".join(re.escape(word) for word in longest_first)
    # A part of an identifier starts after an underscore or at a capital, and no lower-case letter follows it.
    # `ORDER BY` is SQL, and `type: ignore[arg-type]` a comment for type checkers.
    pattern = re.compile(
        rf"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:{alternatives})(?![a-z]|\s+(?:BY|by)\b|:\s*ignore\b)"
    )
    return partial(pattern.sub, partial(replaced, words, preserved))


def replaced(words: Mapping[str, str], preserved: Container[str], matched: re.Match[str]) -> str:
    """Return the new word for a matched old one, except for preserved identifiers and calls of builtins."""
    text, (start, end) = matched.string, matched.span()
    line = text.rfind("\n", 0, start) + 1
    before, after = BEFORE.search(text, line, start), AFTER.match(text, end)
    whole = f"{before[0] if before else ''}{matched[0]}{after[0] if after else ''}"
    is_part = whole != matched[0] and (whole in preserved or (whole.startswith("__") and whole.endswith("__")))
    is_call = hasattr(builtins, whole) and text[end : end + 1] == "(" and text[start - 1 : start] != "."
    is_code = bool(IGNORED.search(text, line, start))
    return matched[0] if is_part or is_call or is_code else words[matched[0]]


# ── Probable renames ──────────────────────────────────────────────────────────────────────────────────────────────────
def probable_renames(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return hints about removed and added resources or fields that may be renames without `was`."""
    before, after = ({each["name"]: each for each in domain_of(record)} for record in (old, new))
    removed = [name for name in before if name not in after]
    added = [name for name in after if name not in before and not after[name].get("was")]
    hints = [
        f"{former} is removed and {name} added with the same fields: its rows would be deleted. If it is renamed,"
        f" declare `was: {former}` on {name}."
        for name in added
        for former in removed
        if after[name].get("fields") == before[former].get("fields")
    ]
    for name in before.keys() & after.keys():
        hints += renamed_fields(name, before[name].get("fields") or {}, after[name].get("fields") or {})
    return hints


def domain_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the resources that the answers file declares."""
    answer = record.get("resources")
    return [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []


def renamed_fields(resource: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return hints about removed and added fields of a resource that may be renames without `was`."""
    return [
        f"{resource}: {former} is removed and {name} added with the same type: its values would be deleted. If it is"
        f" renamed, declare `was: {former}` on {name}."
        for name in after
        if name not in before
        for former in before
        if former not in after and before[former] == after[name]
    ]
