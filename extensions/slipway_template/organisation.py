"""Read and validate `org/standard.toml`, in which an organisation's fork sets defaults for its services."""

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
INDEX_NAME = re.compile(r"[A-Za-z0-9._-]+")  # as uv accepts it
IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*")
VERSION = "{version}"  # placeholder of an image's name, for the version of Python
INCLUDED_BY = ("component", "local", "project", "remote", "template")  # the keys of GitLab's `include`


@dataclass(frozen=True, kw_only=True)
class Standard:
    """Defaults of an organisation's fork, which extend or replace the defaults of the original template.

    Attributes:
        runtime, test, lint: requirements (PEP 508).
        guidance: lines of `AGENTS.md`.
        python_image: the base image, with `{version}` for the version of Python.
        uv_image: the image from which uv is copied.
        index: the package index that uv uses instead of its default, with `name` and `url`.
        licence: an SPDX expression.
        gitlab: entries of `include` in the GitLab pipeline.
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
        """The fork's requirements and guidance, as a `Feature` of every service.

        Modules need not import the added requirements.
        """
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
    def facts(self) -> dict[str, Any]:
        """The fork's container images, package index, licence and GitLab includes, as Jinja context."""
        return {
            "images": {"python": self.python_image, "uv": self.uv_image},
            "indexes": [self.index] if self.index else [],
            "licences": [self.licence] if self.licence else [],
            "pipelines": list(self.gitlab),
        }


def lines_problem(value: object) -> str:
    """Return an error message if a value is not a list of single lines; empty otherwise."""
    lines: list[object] = value if isinstance(value, list) else [None]
    is_plain = all(isinstance(line, str) and line.isprintable() and line.strip() == line != "" for line in lines)
    return "" if is_plain else 'it is a list of lines, such as ["one", "another"].'


def requirements_problem(value: object) -> str:
    """Return an error message if a value is not a list of Python requirements; empty otherwise."""
    if problem := lines_problem(value):
        return problem
    lines: list[str] = value if isinstance(value, list) else []
    for line in lines:
        try:
            Requirement(line)
        except InvalidRequirement:
            return f'{line!r} is not a requirement of PEP 508, such as "acme-telemetry>=1,<2".'
    return ""


def image_problem(value: object) -> str:
    """Return an error message if a value is not the name of a container image; empty otherwise."""
    plain = value.replace(VERSION, "3.13") if isinstance(value, str) else ""
    return "" if IMAGE.fullmatch(plain) else "it is the name of an image, such as registry.example.com/python:3.13."


def python_image_problem(value: object) -> str:
    """Return an error message if a value is not an image name with a placeholder for the Python version."""
    if problem := image_problem(value):
        return problem
    return "" if VERSION in str(value) else f"it has no placeholder for the version of Python: write {VERSION} there."


def index_problem(value: object) -> str:
    """Return an error message if a value is not the name and URL of a package index; empty otherwise."""
    problem = 'it is a table with name and url only: {name = "acme", url = "https://…"}.'
    if not isinstance(value, dict) or value.keys() != {"name", "url"} or not all(map(str, value.values())):
        return problem
    is_name = isinstance(value["name"], str) and INDEX_NAME.fullmatch(value["name"])
    is_url = isinstance(value["url"], str) and re.fullmatch(r"(https?|file)://[^\s\"\\]+", value["url"])
    if is_url and "@" in value["url"]:
        return "its url contains credentials: remove them, uv reads them from UV_INDEX_<NAME>_PASSWORD."
    return "" if is_name and is_url else problem


def licence_problem(value: object) -> str:
    """Return an error message if a value is not an SPDX licence expression; empty otherwise."""
    is_plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9.+() -]+", value)
    return "" if is_plain else "it is an SPDX expression, such as Apache-2.0 or LicenseRef-Acme."


def gitlab_problem(value: object) -> str:
    """Return an error message if a value is not a list of entries for GitLab's `include`; empty otherwise."""
    entries = value if isinstance(value, list) else [None]
    if all(isinstance(each, dict) and sum(way in each for way in INCLUDED_BY) == 1 for each in entries):
        return ""
    return f"it is a list of tables, each with one of {', '.join(INCLUDED_BY)}: see GitLab's `include`."


# Validators of the keys of `Standard`.
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


def reject(problem: str) -> None:
    """Raise `UserMessageError` with an error of `org/standard.toml`."""
    raise UserMessageError(f"org/standard.toml: {problem}")


def check(name: str, value: object) -> None:
    """Raise `UserMessageError` if a key of `org/standard.toml` is unknown or its value invalid."""
    if name not in PROBLEMS:
        near = get_close_matches(name, PROBLEMS, n=1)
        fix = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(PROBLEMS)}."
        reject(f"{name}: unknown key. {fix}")
    if problem := PROBLEMS[name](value):
        reject(f"{name}: {problem}")


def read_standard(text: str) -> Standard:
    """Parse `org/standard.toml`, and validate it.

    Raises:
        UserMessageError: it is invalid; Copier prints the message on one line.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reject(f"invalid TOML: {error}.")
        raise
    for name, value in table.items():
        check(name, value)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    return Standard(**values)


@cache
def standard() -> Standard:
    """Return the defaults in this clone's `org/standard.toml`, or the original template's if that file is missing."""
    return read_standard(STANDARD.read_text(encoding="utf-8")) if STANDARD.exists() else Standard()
