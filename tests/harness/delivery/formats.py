"""Which files are of which format, and who reads and judges them: readers, schemas, linters.

The readers are stricter than usual: a key that is given twice is a mistake, not the last one's victory.
"""

from __future__ import annotations

import ast
import json
import tomllib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.harness.delivery import scripts
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class StrictLoader(yaml.SafeLoader):
    """Reads YAML in which no key is given twice, and that any reader of 1.1 and 1.2 reads alike."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE]
        refuse_repetition(keys)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


MERGE = "tag:yaml.org,2002:merge"


def read_included(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    """Read the name of another file, which Copier puts in place of it."""
    return str(loader.construct_scalar(node))


StrictLoader.add_constructor("!include", read_included)


def refuse_repetition(keys: list[Any]) -> None:
    repeated = {key for key in keys if keys.count(key) > 1}
    if repeated:
        raise ValueError(f"given twice: {', '.join(map(str, repeated))}")


def read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    refuse_repetition([key for key, _ in pairs])
    return dict(pairs)


def read_yaml(text: str) -> object:
    return list(yaml.load_all(text, StrictLoader))


def read_json(text: str) -> object:
    return json.loads(text, object_pairs_hook=read_pairs)


def read_toml(text: str) -> object:
    return tomllib.loads(text)


def read_python(text: str) -> object:
    """Parse Python, and heed what its compiler warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return compile(text, "<emitted>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)


READERS = {
    "*.py": read_python,
    "*.toml": read_toml,
    "*.json": read_json,
    "*.yml": read_yaml,
    "*.yaml": read_yaml,
}

# The schemas that `check-jsonschema` brings, so that nothing is fetched; and one of the harness's own.
SCHEMAS: dict[str, list[str | Path]] = {
    "/.github/workflows/*.yml": ["--builtin-schema", "vendor.github-workflows"],
    "/.github/dependabot.yml": ["--builtin-schema", "vendor.dependabot"],
    "/.gitlab/*.yml": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "/.gitlab-ci.yml": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "/compose.yml": ["--builtin-schema", "vendor.compose-spec"],
    "/.gitlab/renovate.json": ["--builtin-schema", "vendor.renovate"],
    "/.claude/settings.json": ["--schemafile", ROOT / "tests" / "harness" / "delivery" / "claude_settings.schema.json"],
}

# What a shell is given to run; actionlint itself hands the scripts of GitHub's workflows to shellcheck.
SCRIPTS: dict[str, Callable[[str], list[str]]] = {
    "*.sh": scripts.whole,
    "*.md": scripts.fenced,
    "/.gitlab-ci.yml": scripts.of_pipeline,
    "/.gitlab/*.yml": scripts.of_pipeline,
    "/fly.toml": scripts.of_machines,
    "/compose.yml": scripts.of_compose,
    "/.devcontainer/devcontainer.json": scripts.of_container,
}

# Patterns that no service has a file for yet. The first file that matches one takes it from here.
AWAITED: set[str] = set()


@dataclass(frozen=True)
class Linter:
    """The files that a tool judges, and what it is told beside their names."""

    patterns: tuple[str, ...]
    arguments: tuple[str | Path, ...] = ()


LINTERS = {
    "actionlint": Linter(("/.github/workflows/*.yml",), ("-no-color", "-shellcheck=shellcheck --norc", "-pyflakes=")),
    "codespell": Linter(("*",)),
    "hadolint": Linter(("/Dockerfile",), ("--no-color",)),
    "rumdl": Linter(
        ("*.md",), ("check", "--quiet", "--no-cache", "--deny-config-warnings", "--config", ROOT / "pyproject.toml")
    ),
    "zizmor": Linter(
        ("/.github/workflows/*.yml", "/.github/dependabot.yml"), ("--offline", "--no-progress", "--strict-collection")
    ),
}
