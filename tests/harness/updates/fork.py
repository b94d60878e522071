"""Run the commands of `docs/forking.md`, which fork the template for an organisation.

Git maps each URL to a local directory.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.harness.combinations.copier_cli import run_command
from tests.harness.readme.newcomer import FENCE
from tests.harness.workspace import EARLIER, RELEASE, ROOT, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = ROOT / "docs" / "forking.md"
FIRST, SECOND = "v1.0.0", "v1.1.0"  # upstream's releases, as the page has them
UPSTREAM = "https://git.example.com/slipway/slipway.git"
FORK = "https://git.example.com/acme/standard.git"
MOVED = "https://git.example.org/acme/standard.git"
CATALOGUE = "https://git.example.com/acme/catalogue.git"
# Copier's command line with the harness's cache of renderings; without it, each call takes four times as long.
COPIER = f"""\
#!{sys.executable}
import sys

sys.path.insert(0, {str(ROOT)!r})
from copier.__main__ import CopierApp
from tests.harness.combinations.rendering import caching

with caching():
    CopierApp.run()
"""
# `uvx --from SOURCE slipway`, without building the package of each source.
UVX = f"""\
#!/bin/sh
[ "$1 $3" = "--from slipway" ] || exit 127
shift 3
exec {sys.executable} -P -m slipway "$@"
"""
HEADING = re.compile(r"^## ", re.MULTILINE)


def sections() -> dict[str, list[str]]:
    """Return the command blocks below each heading of `docs/forking.md`."""
    parts = HEADING.split(PAGE.read_text(encoding="utf-8"))
    blocks_of = {part.partition("\n")[0]: [match["commands"] for match in FENCE.finditer(part)] for part in parts[1:]}
    return {heading: blocks for heading, blocks in blocks_of.items() if blocks}


@dataclass(frozen=True)
class Organisation:
    """An organisation's home directory, and the local directory of each of its Git URLs."""

    home: Path
    hosts: dict[str, Path] = field(default_factory=dict)

    def git_config(self) -> Iterator[tuple[str, str]]:
        """Yield variables with which Git maps each URL to a local directory (`url.<base>.insteadOf`)."""
        yield "GIT_CONFIG_COUNT", str(len(self.hosts))
        for number, (address, directory) in enumerate(self.hosts.items()):
            yield f"GIT_CONFIG_KEY_{number}", f"url.{directory.as_uri()}.insteadOf"
            yield f"GIT_CONFIG_VALUE_{number}", address

    def run(self, script: str, directory: Path) -> tuple[int, str]:
        """Run a shell script in a directory, and return its exit code and output."""
        overrides = {
            "HOME": str(self.home),
            "COPIER_CACHE_DIR": str(self.home / "clones"),
            "SLIPWAY_CACHE_DIR": str(self.home / "cache"),
            "GIT_EDITOR": "true",
        }
        path = os.pathsep.join((str(self.home / "bin"), os.environ["PATH"]))
        environment = os.environ | overrides | dict(self.git_config()) | {"PATH": path}
        completed = run_command(["bash", "-euo", "pipefail", "-c", script], directory, environment, 120)
        return completed.returncode, completed.stdout

    def check_output(self, script: str, directory: Path) -> str:
        """Run a script that must succeed, and return its output."""
        code, output = self.run(script, directory)
        if code:
            pytest.fail(f"{script}\n{output}", pytrace=False)
        return output


def install_commands(home: Path) -> None:
    """Install `copier` and `uvx` on the organisation's PATH."""
    (home / "bin").mkdir()
    for name, text in (("copier", COPIER), ("uvx", UVX)):
        program = home / "bin" / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)


def make_upstream(template: Path, directory: Path) -> None:
    """Clone the template, tag two releases as in `docs/forking.md`, and add an unreleased commit."""
    git(template.parent, "clone", "--quiet", str(template), str(directory))
    for name, tag in ((FIRST, EARLIER), (SECOND, RELEASE)):
        git(directory, "tag", "--force", name, git(template, "rev-parse", f"{tag}^{{commit}}").strip())
    git(directory, "tag", "--delete", EARLIER)
    with (directory / "template" / "ruff.toml").open("a", encoding="utf-8") as style:
        style.write("# This line is not released yet.\n")
    git(directory, "commit", "--all", "--message", "Go on")


def make_catalogue(directory: Path) -> None:
    """Create a second template with two releases."""
    (directory / "template").mkdir(parents=True)
    (directory / "copier.yml").write_text("_subdirectory: template\nteam: {type: str, default: shop}\n", "utf-8")
    answers = directory / "template" / "{{ _copier_conf.answers_file }}.jinja"
    answers.write_text("{{ _copier_answers | to_nice_yaml }}", encoding="utf-8")
    entry = directory / "template" / "catalogue.yml.jinja"
    for tag, line in (("v1", "team: {{ team }}\n"), ("v2", "owner: {{ team }}\n")):
        entry.write_text(line, encoding="utf-8")
        commit(directory, tag)
