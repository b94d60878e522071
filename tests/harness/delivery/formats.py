"""The parser, schema, script extractor and linter of rendered files, selected by path pattern.

The parsers reject duplicate keys.
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
    """Load YAML, rejecting duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE]
        reject_duplicates(keys)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


MERGE = "tag:yaml.org,2002:merge"


def read_included(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    """Return the path in an `!include` tag, which Copier resolves."""
    return str(loader.construct_scalar(node))


StrictLoader.add_constructor("!include", read_included)


def reject_duplicates(keys: list[Any]) -> None:
    duplicates = {key for key in keys if keys.count(key) > 1}
    if duplicates:
        raise ValueError(f"duplicate keys: {', '.join(map(str, duplicates))}")


def read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    reject_duplicates([key for key, _ in pairs])
    return dict(pairs)


def read_yaml(text: str) -> object:
    return list(yaml.load_all(text, StrictLoader))


def read_json(text: str) -> object:
    return json.loads(text, object_pairs_hook=read_pairs)


def read_toml(text: str) -> object:
    return tomllib.loads(text)


def read_python(text: str) -> object:
    """Parse Python, and treat compiler warnings as errors."""
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

# Schemas bundled with `check-jsonschema`, so that none is fetched, and one of the harness.
SCHEMAS: dict[str, list[str | Path]] = {
    "/.github/workflows/*.yml": ["--builtin-schema", "vendor.github-workflows"],
    "/.github/dependabot.yml": ["--builtin-schema", "vendor.dependabot"],
    "/.gitlab/*.yml": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "/.gitlab-ci.yml": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "/compose.yml": ["--builtin-schema", "vendor.compose-spec"],
    "/.gitlab/renovate.json": ["--builtin-schema", "vendor.renovate"],
    "/.claude/settings.json": ["--schemafile", ROOT / "tests" / "harness" / "delivery" / "claude_settings.schema.json"],
}

# Extractors of shell scripts; actionlint itself runs shellcheck on GitHub workflows.
SCRIPTS: dict[str, Callable[[str], list[str]]] = {
    "*.sh": scripts.entire,
    "*.md": scripts.fenced,
    "/.gitlab-ci.yml": scripts.pipeline_scripts,
    "/.gitlab/*.yml": scripts.pipeline_scripts,
    "/fly.toml": scripts.fly_scripts,
    "/compose.yml": scripts.compose_scripts,
    "/.devcontainer/devcontainer.json": scripts.devcontainer_scripts,
}

# Patterns without a file yet; removed once one matches.
PENDING: set[str] = set()


@dataclass(frozen=True)
class Linter:
    """A linter, with the path patterns that it checks and its command-line arguments."""

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
