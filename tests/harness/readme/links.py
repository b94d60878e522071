"""Find broken links, anchors and paths in a service's pages and comments."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?[^)]*\)")
FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(?P<title>.*?)(?: +#+)? *$", re.MULTILINE)
LABEL = re.compile(r"\[(?P<label>[^\]]*)\]\([^)]*\)")
EMPHASIS = re.compile(r"(?P<code>`[^`]*`)|(?<!\w)_(?P<stressed>.+?)_(?!\w)")
TREE = re.compile(r"^```text\n(?P<lines>[\w.-]+/\n.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"""(?<![\w/.$}@-])(?:
        (?:app|development|docs|migrations|tests|\.claude|\.devcontainer|\.github)/[\w./*<>{}-]*
        | \.?\w[\w-]*\.(?:toml|yml|yaml)\b
        | \.env\.example\b
        | Dockerfile\b
    )""",
    re.VERBOSE,
)
# Files that the reader creates.
CREATED_BY_READER = {"domain.yml", ".claude/settings.local.json"}
PLACEHOLDER = re.compile(r"<[^>]*>|\{[^}]*\}")


@cache  # many services share pages
def relative(text: str) -> list[tuple[str, str]]:
    """Return the target and the anchor of each relative link in a page."""
    matches = [match for match in LINK.finditer(text) if "://" not in match["target"]]
    return [(match["target"], match["anchor"] or "") for match in matches if not match["target"].startswith("mailto:")]


def resolve(path: str, target: str) -> str:
    """Return the path that a link of the page at `path` points to."""
    return posixpath.normpath(PurePosixPath(path).parent / target) if target else path


def exists(target: str, paths: set[str]) -> bool:
    """Return whether a file or directory of the service has this path."""
    return target in paths or target == "." or any(path.startswith(f"{target}/") for path in paths)


def broken_links(path: str, text: str, paths: set[str]) -> list[str]:
    """Return the relative links of the page at `path` whose target is missing."""
    return [target for target, _ in relative(text) if not exists(resolve(path, target), paths)]


def slug(title: str) -> str:
    """Return the anchor that GitHub generates for a heading, in lower case, with hyphens and without punctuation."""
    plain = EMPHASIS.sub(lambda match: match["code"] or match["stressed"], LABEL.sub(r"\g<label>", title))
    return re.sub(r"[^\w -]", "", plain.strip().lower()).replace(" ", "-")


@cache
def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings; duplicates are numbered as on GitHub."""
    names: set[str] = set()
    for match in HEADING.finditer(FENCED.sub("", text)):
        name = slug(match["title"])
        repetitions = (f"{name}-{number}" for number in range(1, len(names) + 1))
        names.add(next((each for each in (name, *repetitions) if each not in names), name))
    return names


def broken_anchors(path: str, pages: Mapping[str, str]) -> list[str]:
    """Return the links of the page at `path` whose anchor is missing in the target."""
    links = ((resolve(path, target), anchor) for target, anchor in relative(pages[path]) if anchor)
    return [f"{page}#{anchor}" for page, anchor in links if page in pages and anchor not in anchors(pages[page])]


def tree_paths(text: str) -> Iterator[str]:
    """Yield each path in the directory trees that a page draws."""
    for tree in TREE.finditer(text):
        parents: list[str] = []
        for line in tree["lines"].splitlines():
            depth = (len(line) - len(line.lstrip())) // 2
            parents[depth:] = [line.split()[0]]
            yield "".join(parents)


def matches_any(name: str, paths: set[str]) -> bool:
    """Return whether a path exists; `*`, `<name>` and `{name}` in the path match anything."""
    pattern = PLACEHOLDER.sub("*", name)
    if pattern.endswith("/"):
        pattern += "*"
    return pattern in paths or ("*" in pattern and any(fnmatchcase(path, pattern) for path in paths))


@cache  # many services share pages
def mentioned_paths(text: str) -> list[str]:
    """Return the paths that a text mentions."""
    return [match[0].rstrip(".") for match in PATH.finditer(text)] + list(tree_paths(text))


def missing_paths(text: str, paths: set[str]) -> list[str]:
    """Return the paths that a text mentions and the service lacks."""
    return [name for name in mentioned_paths(text) if name not in CREATED_BY_READER and not matches_any(name, paths)]
