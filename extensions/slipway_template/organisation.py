"""What an organisation's fork has in every service: `org/standard.toml`, read and checked. Upstream has none."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copier.errors import UserMessageError
from packaging.requirements import InvalidRequirement, Requirement

from .catalogue.model import Feature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STANDARD = Path(__file__).parents[2] / "org" / "standard.toml"
INDEX_NAME = re.compile(r"[A-Za-z0-9._-]+")  # as uv takes it
IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*")
VERSION = "{version}"  # of Python, in the name of an image
INCLUDED_BY = ("component", "local", "project", "remote", "template")  # GitLab's five ways


@dataclass(frozen=True, kw_only=True)
class Standard:
    """What a fork adds to each of its services, or has in place of what upstream has.

    `runtime`, `test` and `lint` are requirements (PEP 508); `guidance` holds lines for `AGENTS.md`. `python_image`
    is what the image is built on, with `{version}` for the version of Python, and `uv_image` where uv is copied from.
    `index` is the package index that uv asks instead of its own, a `name` and a `url`. `licence` is an SPDX expression,
    and `gitlab` lists what the pipeline includes, each entry in GitLab's words.
    """

    runtime: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    guidance: tuple[str, ...] = ()
    python_image: str = "docker.io/library/python:{version}-slim-bookworm"
    uv_image: str = "ghcr.io/astral-sh/uv:0.13"
    index: Mapping[str, str] | None = None
    licence: str = ""
    gitlab: tuple[Mapping[str, Any], ...] = ()

    @property
    def feature(self) -> Feature:
        """What it adds, as the record of a feature that every service has; no module need import what it requires."""
        return Feature(
            name="organisation",
            summary="what the organisation has in every service",
            runtime=self.runtime,
            test=self.test,
            lint=self.lint,
            guidance=self.guidance,
            unimported=tuple(Requirement(line).name for line in self.runtime),
        )

    @property
    def printed(self) -> dict[str, Any]:
        """What the shared files print of it, beside what they print of every feature."""
        return {
            "images": {"python": self.python_image, "uv": self.uv_image},
            "indexes": [self.index] if self.index else [],
            "licences": [self.licence] if self.licence else [],
            "pipelines": list(self.gitlab),
        }


def lines_problem(value: object) -> str:
    """Say what keeps a value from being a list of lines."""
    lines: list[object] = value if isinstance(value, list) else [None]
    is_plain = all(isinstance(line, str) and line.isprintable() and line.strip() == line != "" for line in lines)
    return "" if is_plain else 'it is a list of lines, such as ["one", "another"].'


def requirements_problem(value: object) -> str:
    if problem := lines_problem(value):
        return problem
    lines: list[str] = value if isinstance(value, list) else []
    for line in lines:
        try:
            Requirement(line)
        except InvalidRequirement:
            return f'{line!r} is no requirement; write it as PEP 508 does, such as "acme-telemetry>=1,<2".'
    return ""


def image_problem(value: object) -> str:
    plain = value.replace(VERSION, "3.13") if isinstance(value, str) else ""
    return "" if IMAGE.fullmatch(plain) else "it is the name of an image, such as registry.example.com/python:3.13."


def python_image_problem(value: object) -> str:
    """Refuse an image that does not follow the question about Python's version."""
    if problem := image_problem(value):
        return problem
    return "" if VERSION in str(value) else f"it leaves no place for Python's version; write {VERSION} there."


def index_problem(value: object) -> str:
    told = 'it is {name = "acme", url = "https://…"}, and nothing else.'
    if not isinstance(value, dict) or value.keys() != {"name", "url"} or not all(map(str, value.values())):
        return told
    named = isinstance(value["name"], str) and INDEX_NAME.fullmatch(value["name"])
    reached = isinstance(value["url"], str) and re.fullmatch(r"(https?|file)://[^\s\"\\]+", value["url"])
    if reached and "@" in value["url"]:
        return "its url holds a password or a user; leave it out, uv takes them from UV_INDEX_<NAME>_PASSWORD."
    return "" if named and reached else told


def licence_problem(value: object) -> str:
    is_plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9.+() -]+", value)
    return "" if is_plain else "it is an SPDX expression, such as Apache-2.0 or LicenseRef-Acme."


def gitlab_problem(value: object) -> str:
    """Refuse what GitLab would not know how to include."""
    entries = value if isinstance(value, list) else [None]
    if all(isinstance(each, dict) and sum(way in each for way in INCLUDED_BY) == 1 for each in entries):
        return ""
    return f"it is a list of tables, each with one of {', '.join(INCLUDED_BY)}, as GitLab's include has them."


# What each key of `Standard` takes.
PROBLEMS: dict[str, Callable[[object], str]] = {
    "runtime": requirements_problem,
    "test": requirements_problem,
    "lint": requirements_problem,
    "guidance": lines_problem,
    "python_image": python_image_problem,
    "uv_image": image_problem,
    "index": index_problem,
    "licence": licence_problem,
    "gitlab": gitlab_problem,
}


def refuse(problem: str) -> None:
    raise UserMessageError(f"org/standard.toml: {problem}")


def check(name: str, value: object) -> None:
    """Refuse a key that there is not, and a value that it does not take."""
    if name not in PROBLEMS:
        near = get_close_matches(name, PROBLEMS, n=1)
        mend = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(PROBLEMS)}."
        refuse(f"{name}: there is no such key. {mend}")
    if problem := PROBLEMS[name](value):
        refuse(f"{name}: {problem}")


def read_standard(text: str) -> Standard:
    """Read what an organisation has; raises `UserMessageError`, which Copier tells in one line."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        refuse(f"it is no TOML: {error}.")
        raise
    for name, value in found.items():
        check(name, value)
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return Standard(**given)


@cache
def standard() -> Standard:
    """Read what this template's organisation has; upstream's has nothing."""
    return read_standard(STANDARD.read_text(encoding="utf-8")) if STANDARD.exists() else Standard()
