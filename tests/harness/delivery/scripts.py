"""Extract shell scripts from files by format."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import TYPE_CHECKING

import yaml

from tests.harness.readme.newcomer import FENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = re.compile(r"^\$ ", re.MULTILINE)


def values_of(tree: object, *keys: str) -> Iterator[object]:
    """Yield the values of the given keys at any depth of a parsed document."""
    if isinstance(tree, dict):
        yield from (value for key, value in tree.items() if key in keys)
    if isinstance(tree, dict | list):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from values_of(child, *keys)


def lines(value: object) -> str:
    """Join the lines of a script, flattening nested lists."""
    return "\n".join(map(lines, value)) if isinstance(value, list) else str(value)


def entire(text: str) -> list[str]:
    return [text]


def fenced(text: str) -> list[str]:
    return [PROMPT.sub("", match["commands"]) for match in FENCE.finditer(text)]


def pipeline_scripts(text: str) -> list[str]:
    return [lines(value) for value in values_of(yaml.safe_load(text), "before_script", "script", "after_script")]


def compose_scripts(text: str) -> list[str]:
    """Return the health check commands in a Compose file, with `$$` unescaped."""
    checks = (value for value in values_of(yaml.safe_load(text), "test") if isinstance(value, list))
    return [str(check[1]).replace("$$", "$") for check in checks if check[0] == "CMD-SHELL"]


def fly_scripts(text: str) -> list[str]:
    """Return the commands that Fly machines run with `sh -c`."""
    commands = map(shlex.split, tomllib.loads(text)["processes"].values())
    return [command[2] for command in commands if command[:2] == ["sh", "-c"]]


def devcontainer_scripts(text: str) -> list[str]:
    return [str(value) for value in values_of(json.loads(text), "postCreateCommand", "postStartCommand")]
