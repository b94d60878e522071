"""Read the settings and questions of `copier.yml` and of the files that it includes.

A fork adds its questions in such files. They are merged as Copier merges them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LISTS = ("_exclude", "_jinja_extensions", "_secret_questions", "_skip_if_exists")  # which Copier concatenates


class IncludeLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML loader that supports the tag `!include`, with file patterns relative to `root`."""

    root = ROOT


def included(loader: IncludeLoader, node: yaml.ScalarNode) -> list[dict[str, Any]]:
    """Load all YAML documents of the files that an `!include` pattern matches."""
    paths = loader.root.glob(loader.construct_scalar(node))
    return [document for path in paths for document in documents(path, loader.root)]


IncludeLoader.add_constructor("!include", included)


def documents(path: Path, root: Path) -> Iterator[dict[str, Any]]:
    """Yield the YAML documents of a file, with the documents of included files in place of `!include`."""
    loader = type("RootedLoader", (IncludeLoader,), {"root": root})
    for document in yaml.load_all(path.read_text(encoding="utf-8"), loader):
        yield from document if isinstance(document, list) else [document] if document else []


def read_questionnaire(root: Path = ROOT) -> dict[str, Any]:
    """Read a template's settings and questions, merged from all YAML documents.

    Later documents override earlier ones, but lists in `LISTS` add up.
    """
    merged: dict[str, Any] = {}
    for document in documents(root / "copier.yml", root):
        lists = {name: [*merged.get(name, []), *document[name]] for name in LISTS if name in document}
        merged |= document | lists
    return merged


@cache
def entries() -> dict[str, dict[str, Any]]:
    """Return all questions and computed values by name, each as a mapping.

    The short form `name: default` is expanded.
    """
    named = {name: entry for name, entry in read_questionnaire().items() if name[0] != "_"}
    return {name: entry if isinstance(entry, dict) else {"default": entry} for name, entry in named.items()}
