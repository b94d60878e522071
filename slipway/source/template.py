"""Find revisions, releases and changelogs in the Git repository of a template.

A local repository is read in place. A remote one is mirrored in the user's cache, and fetched once per command.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from slipway.errors import CommandError
from slipway.git import WITHOUT_HOOKS, git, query, run_git
from slipway.source.releases import COMMIT, parse_version, sorted_releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

ALIASES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
HOME_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = Path(os.environ.get("SLIPWAY_CACHE_DIR") or HOME_CACHE / "slipway")
REMOTE_HEAD = "refs/slipway/HEAD"  # in a mirror, whose own HEAD stays as it was cloned
CHANGELOGS = ("CHANGELOG.md", "org/CHANGELOG.md")  # of the template, and of an organisation's fork


def expanded(source: str) -> str:
    """Return the URL or path that Git accepts for a Copier source, which may start with `gh:`, `~` or `git+`."""
    for alias, url in ALIASES.items():
        if source.startswith(alias):
            return f"{url}{source.removeprefix(alias).removesuffix('.git')}.git"
    if source.startswith("~"):
        return str(Path(source).expanduser())
    return source.removeprefix("git+")


@dataclass
class Template:
    """A template, identified by its source in an answers file."""

    source: str
    checkouts: dict[str, Path] = field(default_factory=dict)

    @cached_property
    def repository(self) -> Path:
        """The directory of the template's Git repository, or of a remote repository's local mirror."""
        url = expanded(self.source)
        if Path(url).is_absolute() and Path(url).is_dir():
            if query(Path(url), "rev-parse", "--git-dir") is None:
                raise CommandError(f"The template {url} is not in a Git repository: commit it first.")
            return Path(url)
        with mirror_lock(url) as mirror:
            return mirrored(url, mirror)

    @property
    def is_remote(self) -> bool:
        """Whether `repository` is the local mirror of a remote repository."""
        return self.repository.is_relative_to(CACHE)

    def resolve(self, revision: str) -> str:
        """Return the id of the commit that a revision names.

        A revision is a tag, a branch, a commit id, a name by `git describe`, or a version in `releases.toml`.

        Raises:
            CommandError: the template has no such revision.
        """
        is_moving = revision == "HEAD" and self.is_remote  # the default branch, which may have another name now
        if is_moving:
            fetch = ("fetch", "--quiet", "--force", "--", expanded(self.source), f"+HEAD:{REMOTE_HEAD}")
            query(self.repository, *fetch)
        for name in (
            *([REMOTE_HEAD] if is_moving else []),
            revision,
            f"refs/remotes/origin/{revision}",
            self.listed_releases.get(revision.removeprefix("v"), ""),
        ):
            options = ("--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if name and (commit := query(self.repository, "rev-parse", *options)):
                return commit.decode().strip()
        raise CommandError(f"The template {self.source} has no revision {revision}. {self.hint}")

    @property
    def hint(self) -> str:
        """Advice for the error about a missing revision, such as to complete a shallow clone."""
        if (query(self.repository, "rev-parse", "--is-shallow-repository") or b"").strip() == b"true":
            return f"It is a shallow clone: git -C {self.repository} fetch --unshallow --tags"
        newest = self.releases[-3:]
        return (
            f"Its newest releases: {', '.join(newest)}." if newest else "It has no releases: name a branch or commit."
        )

    def describe(self, commit: str) -> str:
        """Return the name to record for a commit, which is its release or else the output of `git describe`."""
        tags = [tag for tag in self.releases if tag in self.tags and self.resolve(tag) == commit]
        return (
            tags[-1] if tags else git(self.repository, "describe", "--tags", "--always", "--abbrev=12", commit).strip()
        )

    @cached_property
    def tags(self) -> list[str]:
        """The names of all tags in the template's repository."""
        return git(self.repository, "tag", "--list").split()

    @cached_property
    def listed_releases(self) -> dict[str, str]:
        """The commits that `releases.toml` lists by version, for repositories without tags."""
        text = self.read("HEAD", "releases.toml")
        try:
            entries = tomllib.loads(text).get("releases", [])
            return {str(entry["version"]): str(entry["commit"]) for entry in entries}
        except (tomllib.TOMLDecodeError, LookupError, TypeError, AttributeError):
            return {}

    @cached_property
    def releases(self) -> list[str]:
        """The template's final versions, oldest first, from its tags or otherwise from `releases.toml`."""
        return sorted_releases(self.tags) or sorted_releases([*filter(self.has_listed, self.listed_releases)])

    def has_listed(self, version: str) -> bool:
        """Return whether the repository contains a commit that `releases.toml` lists for a version."""
        return query(self.repository, "cat-file", "-e", f"{self.listed_releases[version]}^{{commit}}") is not None

    def newest(self, recorded: str) -> str:
        """Return the newest release of the template that is newer than the recorded revision.

        If none is newer, return `recorded`; if the template has no releases, the name of HEAD.
        """
        if newer := self.between(recorded, None):
            return newer[-1]
        if self.releases:
            return recorded
        head = self.resolve("HEAD")
        return recorded if head == self.resolve(recorded) else self.describe(head)

    def between(self, recorded: str, last: str | None) -> list[str]:
        """Return the releases after the recorded revision up to `last`, oldest first."""
        low = self.version(recorded)
        high = self.version(last) if last else None
        if last and high is None:
            return [last] if self.resolve(last) != self.resolve(recorded) else []
        versions = {name: version for name in self.releases if (version := parse_version(name))}
        return [
            name
            for name, version in versions.items()
            if (version > low if low else self.is_newer(name, recorded)) and (high is None or version <= high)
        ]

    def version(self, name: str) -> Version | None:
        """Parse a revision's name as a version; return None for any other name, such as an all-digit commit id."""
        return None if name not in self.releases and COMMIT.fullmatch(name) else parse_version(name)

    def is_newer(self, release: str, recorded: str) -> bool:
        """Return whether a release is newer than the recorded commit, which does not contain it."""
        arguments = ("merge-base", "--is-ancestor", self.resolve(release), self.resolve(recorded))
        return run_git(self.repository, *arguments).returncode != 0

    def read(self, revision: str, path: str) -> str:
        """Return the text of a template's file at a revision; empty if the file is missing."""
        return (query(self.repository, "show", f"{revision}:{path}") or b"").decode(errors="replace")

    def notes(self, recorded: str, last: str) -> str:
        """Return the changelog sections of the versions after `recorded`, up to `last`."""
        low = self.version(recorded) or self.version(self.last_within(recorded))
        high = self.version(last) or self.version(self.last_within(last))
        commit = self.resolve(last)
        sections = [section for path in CHANGELOGS for section in sections_between(self.read(commit, path), low, high)]
        return "\n\n".join(sections)

    def last_within(self, revision: str) -> str:
        """Return the newest release that a revision contains, or the revision itself if it contains none."""
        contained = [name for name in self.releases if not self.is_newer(name, revision)]
        return contained[-1] if contained else revision

    def checkout(self, commit: str) -> Path:
        """Return a temporary directory with the template's files at a commit, which `close` removes."""
        if commit not in self.checkouts:
            directory = Path(mkdtemp(prefix="slipway-template-"))
            self.checkouts[commit] = directory
            with TemporaryDirectory(ignore_cleanup_errors=True) as index:
                git(
                    self.repository,
                    *WITHOUT_HOOKS,
                    "-c",
                    "core.autocrlf=false",
                    f"--git-dir={git(self.repository, 'rev-parse', '--absolute-git-dir').strip()}",
                    f"--work-tree={directory}",
                    "checkout",
                    "--force",
                    commit,
                    "--",
                    ".",
                    env={"GIT_INDEX_FILE": str(Path(index, "index"))},
                )
        return self.checkouts[commit]

    def close(self) -> None:
        """Remove the temporary directories that `checkout` created."""
        while self.checkouts:
            shutil.rmtree(self.checkouts.popitem()[1], ignore_errors=True)


def sections_between(changelog: str, low: Version | None, high: Version | None) -> list[str]:
    """Return the changelog sections whose version is above `low` and at most `high`."""
    parts = re.split(r"^(?=## )", changelog, flags=re.MULTILINE)
    sections = []
    for part in parts:
        name = re.match(r"## \[?(v?\d[^\s\]]*)", part)
        version = parse_version(name[1]) if name else None
        if version and low and high and low < version <= high:
            sections.append(part.strip())
    return sections


@contextmanager
def mirror_lock(url: str) -> Iterator[Path]:
    """Hold an exclusive lock on the local mirror of a repository, and yield the mirror's parent directory."""
    directory = CACHE / "templates" / blake2b(url.encode(), digest_size=16).hexdigest()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


def mirrored(url: str, directory: Path) -> Path:
    """Clone a remote repository into the cache, or fetch its new commits into the existing mirror."""
    mirror = directory / "mirror.git"
    refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    if not (mirror / "HEAD").is_file():
        clone = Path(mkdtemp(prefix="clone-", dir=directory))
        try:
            git(directory, *WITHOUT_HOOKS, "clone", "--quiet", "--bare", "--", url, str(clone / "mirror.git"))
            (clone / "mirror.git").rename(mirror)
        except CommandError as error:
            raise unavailable(url, error) from error
        finally:
            shutil.rmtree(clone, ignore_errors=True)
    else:
        fetch = ("fetch", "--quiet", "--force")
        try:
            # No --prune at first: services may record commits of deleted branches. It resolves conflicts of names only.
            if query(mirror, *fetch, "--", url, *refs) is None:
                git(mirror, *fetch, "--prune", "--", url, *refs)
        except CommandError as error:
            raise unavailable(url, error) from error
    return mirror


def unavailable(url: str, error: CommandError) -> CommandError:
    """Return the error for a template repository that Git cannot clone or fetch."""
    reason = str(error).splitlines()[-1].strip()
    return CommandError(f"The template {url} is unavailable: {reason}. `_src_path` of the answers file names it.")
