"""What a service's pages and comments point at: links, headings, paths."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)#\s]*)(?:#(?P<part>[^)\s]*))?[^)]*\)")
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
# Files that whoever follows the text makes.
OF_THE_READER = {"domain.yml", ".claude/settings.local.json"}
PLACEHOLDER = re.compile(r"<[^>]*>|\{[^}]*\}")


@cache  # for many services have the same pages
def relative(text: str) -> list[tuple[str, str]]:
    """List the links of a page that lead into the service, and the part of the page that each names."""
    matches = [match for match in LINK.finditer(text) if "://" not in match["target"]]
    return [(match["target"], match["part"] or "") for match in matches if not match["target"].startswith("mailto:")]


def aimed_at(path: str, target: str) -> str:
    """Name the path to which a link of the page at `path` leads."""
    return posixpath.normpath(PurePosixPath(path).parent / target) if target else path


def exists(target: str, paths: set[str]) -> bool:
    """Say whether a file or a directory of the service is called so."""
    return target in paths or target == "." or any(path.startswith(f"{target}/") for path in paths)


def broken_links(path: str, text: str, paths: set[str]) -> list[str]:
    """List the relative links of a page at `path` that lead to no file or directory of the service."""
    return [target for target, _ in relative(text) if not exists(aimed_at(path, target), paths)]


def slug(title: str) -> str:
    """Make of a heading what GitHub makes of it for links: words without marks, with hyphens for spaces."""
    plain = EMPHASIS.sub(lambda match: match["code"] or match["stressed"], LABEL.sub(r"\g<label>", title))
    return re.sub(r"[^\w -]", "", plain.strip().lower()).replace(" ", "-")


@cache
def anchors(text: str) -> set[str]:
    """Name the parts of a page; GitHub numbers headings that say the same."""
    found: set[str] = set()
    for match in HEADING.finditer(FENCED.sub("", text)):
        name = slug(match["title"])
        repetitions = (f"{name}-{number}" for number in range(1, len(found) + 1))
        found.add(next((given for given in (name, *repetitions) if given not in found), name))
    return found


def broken_anchors(path: str, pages: Mapping[str, str]) -> list[str]:
    """List the links of the page at `path` to a part that the page they lead to does not have."""
    links = ((aimed_at(path, target), part) for target, part in relative(pages[path]) if part)
    return [f"{page}#{part}" for page, part in links if page in pages and part not in anchors(pages[page])]


def drawn(text: str) -> Iterator[str]:
    """Yield the paths of each tree that a page draws: a name per line, indented under its directory's."""
    for tree in TREE.finditer(text):
        above: list[str] = []
        for line in tree["lines"].splitlines():
            depth = (len(line) - len(line.lstrip())) // 2
            above[depth:] = [line.split()[0]]
            yield "".join(above)


def is_there(named: str, paths: set[str]) -> bool:
    """Say whether a path is one of the service, as it stands or with anything for `*`, `<name>` and `{name}`."""
    pattern = PLACEHOLDER.sub("*", named)
    if pattern.endswith("/"):
        pattern += "*"
    return pattern in paths or ("*" in pattern and any(fnmatchcase(path, pattern) for path in paths))


@cache  # for many services have the same pages
def named_in(text: str) -> list[str]:
    """List what a text calls a path of the service."""
    return [match[0].rstrip(".") for match in PATH.finditer(text)] + list(drawn(text))


def missing_paths(text: str, paths: set[str]) -> list[str]:
    """List what a text calls a path of the service, and is none."""
    return [name for name in named_in(text) if name not in OF_THE_READER and not is_there(name, paths)]
