"""What `copier.yml` says, with what an organisation's fork adds to it, put together as Copier does."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LISTS = ("_exclude", "_jinja_extensions", "_secret_questions", "_skip_if_exists")  # which Copier puts together


class Reader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML in which one file includes another, whose place its own `root` is the start of."""

    root = ROOT


def included(reader: Reader, node: yaml.ScalarNode) -> list[dict[str, Any]]:
    """Read the documents of every file that a pattern matches."""
    found = reader.root.glob(reader.construct_scalar(node))
    return [document for path in found for document in documents(path, reader.root)]


Reader.add_constructor("!include", included)


def documents(path: Path, root: Path) -> Iterator[dict[str, Any]]:
    """Read the documents of a file one after the other, each in place of where it is included."""
    reader = type("Rooted", (Reader,), {"root": root})
    for document in yaml.load_all(path.read_text(encoding="utf-8"), reader):
        yield from document if isinstance(document, list) else [document] if document else []


def described(root: Path = ROOT) -> dict[str, Any]:
    """Read a template's settings and questions: of two of one name the later counts, but lists are put together."""
    whole: dict[str, Any] = {}
    for document in documents(root / "copier.yml", root):
        lists = {name: [*whole.get(name, []), *document[name]] for name in LISTS if name in document}
        whole |= document | lists
    return whole


@cache
def entries() -> dict[str, dict[str, Any]]:
    """Give each question, and what is computed besides; a mere value is its default."""
    found = {name: entry for name, entry in described().items() if name[0] != "_"}
    return {name: entry if isinstance(entry, dict) else {"default": entry} for name, entry in found.items()}
