"""Find `uv run` commands in pages and pipelines with an unknown program, option, mark or path."""

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

from slipway.cli import parser as slipway_parser
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COMMAND = re.compile(r"\buv run (?P<words>[^`|&;\n]+)")
WORD = re.compile(r'"[^"]*"|[^\s"]+')
END = ".,:;)'"  # punctuation after a command


@dataclass(frozen=True)
class Program:
    """The subcommands and options of a program, such as `app`."""

    commands: frozenset[str]
    options: frozenset[str]


@dataclass(frozen=True)
class Runnable:
    """The commands that `uv run` accepts in a service: tools, programs, pytest marks and paths."""

    tools: frozenset[str]
    programs: Mapping[str, Program]
    marks: frozenset[str]
    paths: frozenset[str]


@cache
def scripts(requirement: str) -> frozenset[str]:
    """Return the console scripts that a requirement installs; empty if its marker excludes this system."""
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


def app_commands(main: ast.Module) -> Iterator[str]:
    """Yield the subcommands that `app/__main__.py` adds."""
    for call in calls(main, "add"):
        yield from (argument.id.replace("_", "-") for argument in call.args if isinstance(argument, ast.Name))


def slipway_commands(_: ast.Module) -> Iterator[str]:
    """Yield the subcommands of the command `slipway`."""
    for action in slipway_parser()._actions:  # noqa: SLF001 - argparse has no public way to list subcommands
        yield from action.choices or ()


def calls(module: ast.Module, function: str) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node


def string_literals(main: ast.Module) -> Iterator[str]:
    for node in ast.walk(main):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def program(source: str, find: Callable[[ast.Module], Iterator[str]]) -> Program:
    """Return a program's subcommands and options, parsed from its source."""
    main = ast.parse(source)
    options = {text for text in string_literals(main) if text.startswith("--")}
    return Program(frozenset(find(main)), frozenset({"--help", *options}))


SLIPWAY = ROOT / "slipway" / "cli.py"


def runnable(files: Mapping[str, str]) -> Runnable:
    """Return the commands that `uv run` accepts in a service, parsed from its files."""
    project = tomllib.loads(files["pyproject.toml"])
    return Runnable(
        tools=frozenset({"python"}).union(*map(scripts, required_by(project))),
        programs={
            "app": program(files["app/__main__.py"], app_commands),
            "slipway.py": program(SLIPWAY.read_text("utf-8"), slipway_commands),
        },
        marks=frozenset(mark.split(":")[0] for mark in project["tool"]["pytest"]["markers"]),
        paths=frozenset(files),
    )


def is_command(words: list[str], accepted: Program) -> bool:
    """Return whether a program has a command's subcommand and all its options."""
    options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    return words[:1] != [] and words[0] in accepted.commands and options <= accepted.options


def are_tests(words: list[str], accepted: Runnable) -> bool:
    """Return whether the service has all test paths and marks of a pytest command."""
    paths = [word.split("::")[0].rstrip("/") for word in words if word.startswith("tests/")]
    expressions = [value for option, value in pairwise(words) if option == "-m"]
    marks = set(re.findall(r"\w+", " ".join(expressions))) - {"and", "not", "or"}
    exist = all(any(path == name or path.startswith(f"{name}/") for path in accepted.paths) for name in paths)
    return exist and marks <= accepted.marks


def can_run(words: list[str], accepted: Runnable) -> bool:
    tool, *arguments = dropwhile(lambda word: word.startswith("--"), words)
    if tool in accepted.programs:
        return is_command(arguments, accepted.programs[tool])
    return tool in accepted.tools and (tool != "pytest" or are_tests(arguments, accepted))


@cache  # many services share pages
def uv_commands(text: str) -> list[list[str]]:
    """Return the `uv run` commands in a text, each split into words."""
    return [[word.strip('"').rstrip(END) for word in WORD.findall(match["words"])] for match in COMMAND.finditer(text)]


def unknown_commands(text: str, accepted: Runnable) -> list[str]:
    """Return the `uv run` commands in a text that the service does not accept."""
    return [" ".join(words) for words in uv_commands(text) if not can_run(words, accepted)]
