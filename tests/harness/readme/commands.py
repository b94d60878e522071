"""What `uv run` can run in a service, and what its pages and pipelines have it run."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from itertools import dropwhile, pairwise
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COMMAND = re.compile(r"\buv run (?P<words>[^`|&;\n]+)")
WORD = re.compile(r'"[^"]*"|[^\s"]+')
END = ".,:;)'"  # of a sentence around a command


@dataclass(frozen=True)
class Program:
    """A program of the service's own, by its commands and their options."""

    commands: frozenset[str]
    options: frozenset[str]


@dataclass(frozen=True)
class Runnable:
    """What a service can run: tools, programs of its own by their names, the marks and paths of its tests."""

    tools: frozenset[str]
    programs: Mapping[str, Program]
    marks: frozenset[str]
    paths: frozenset[str]


@cache
def scripts(requirement: str) -> frozenset[str]:
    """Name the programs that a requirement puts beside Python; none where it is not for this system."""
    required = Requirement(requirement)
    if required.marker and not required.marker.evaluate():
        return frozenset()
    files = distribution(required.name).files or []
    return frozenset(file.stem if file.suffix == ".exe" else file.name for file in files if is_program(file.parts))


def is_program(parts: tuple[str, ...]) -> bool:
    return parts[0] == ".." and parts[-2] in {"bin", "Scripts"}


def required_by(project: Mapping[str, Any]) -> Iterator[str]:
    yield from project["project"]["dependencies"]
    for group in project["dependency-groups"].values():
        yield from (entry for entry in group if isinstance(entry, str))


def added(main: ast.Module) -> Iterator[str]:
    """Name the functions that `app/__main__.py` adds to its command line."""
    for call in calls(main, "add"):
        yield from (argument.id.replace("_", "-") for argument in call.args if isinstance(argument, ast.Name))


def named(main: ast.Module) -> Iterator[str]:
    """Name the commands that `template/commands.py` has."""
    for call in calls(main, "command"):
        yield from (str(argument.value) for argument in call.args[1:2] if isinstance(argument, ast.Constant))


def calls(module: ast.Module, function: str) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node


def texts(main: ast.Module) -> Iterator[str]:
    for node in ast.walk(main):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def program(source: str, find: Callable[[ast.Module], Iterator[str]]) -> Program:
    """Find out what a program can be asked for."""
    main = ast.parse(source)
    return Program(frozenset(find(main)), frozenset(text for text in texts(main) if text.startswith("--")))


PROGRAMS = (("app", "app/__main__.py", added), ("template", "template/commands.py", named))


def runnable(files: Mapping[str, str]) -> Runnable:
    """Find out what a service can run."""
    project = tomllib.loads(files["pyproject.toml"])
    return Runnable(
        tools=frozenset({"python"}).union(*map(scripts, required_by(project))),
        programs={name: program(files[path], find) for name, path, find in PROGRAMS},
        marks=frozenset(mark.split(":")[0] for mark in project["tool"]["pytest"]["markers"]),
        paths=frozenset(files),
    )


def is_command(words: list[str], known: Program) -> bool:
    """Say whether the service's own program has this command, and its options."""
    options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    return words[:1] != [] and words[0] in known.commands and options <= known.options


def are_tests(words: list[str], known: Runnable) -> bool:
    """Say whether the tests that are asked for exist: files, directories and marks."""
    named = [word.split("::")[0].rstrip("/") for word in words if word.startswith("tests/")]
    marked = [given for option, given in pairwise(words) if option == "-m"]
    marks = set(re.findall(r"\w+", " ".join(marked))) - {"and", "not", "or"}
    there = all(any(path == name or path.startswith(f"{name}/") for path in known.paths) for name in named)
    return there and marks <= known.marks


def can_run(words: list[str], known: Runnable) -> bool:
    tool, *given = dropwhile(lambda word: word.startswith("--"), words)
    if tool in known.programs:
        return is_command(given, known.programs[tool])
    return tool in known.tools and (tool != "pytest" or are_tests(given, known))


@cache  # for many services have the same pages
def told_by(text: str) -> list[list[str]]:
    """List what a text has `uv run` run, word by word."""
    return [[word.strip('"').rstrip(END) for word in WORD.findall(match["words"])] for match in COMMAND.finditer(text)]


def unknown_commands(text: str, known: Runnable) -> list[str]:
    """List what a text has `uv run` run that the service does not know."""
    return [" ".join(words) for words in told_by(text) if not can_run(words, known)]
