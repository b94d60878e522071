"""What a file has a shell run."""

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


def under(tree: object, *keys: str) -> Iterator[object]:
    """Yield what stands under one of the keys, at any depth."""
    if isinstance(tree, dict):
        yield from (value for key, value in tree.items() if key in keys)
    if isinstance(tree, dict | list):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from under(child, *keys)


def lines(value: object) -> str:
    """Put together the lines of a script, which may be given as lists of lists."""
    return "\n".join(map(lines, value)) if isinstance(value, list) else str(value)


def whole(text: str) -> list[str]:
    return [text]


def fenced(text: str) -> list[str]:
    return [PROMPT.sub("", match["commands"]) for match in FENCE.finditer(text)]


def of_pipeline(text: str) -> list[str]:
    return [lines(value) for value in under(yaml.safe_load(text), "before_script", "script", "after_script")]


def of_compose(text: str) -> list[str]:
    """List the commands of health checks; compose makes one dollar of two."""
    checks = (value for value in under(yaml.safe_load(text), "test") if isinstance(value, list))
    return [str(check[1]).replace("$$", "$") for check in checks if check[0] == "CMD-SHELL"]


def of_machines(text: str) -> list[str]:
    """List what machines of Fly's run by a shell; all else is run as it is."""
    commands = map(shlex.split, tomllib.loads(text)["processes"].values())
    return [command[2] for command in commands if command[:2] == ["sh", "-c"]]


def of_container(text: str) -> list[str]:
    return [str(value) for value in under(json.loads(text), "postCreateCommand", "postStartCommand")]
