"""Locate a service's checkout, and read its Git repository and its answers file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from slipway.errors import CommandError
from slipway.git import git, query, run_git

if TYPE_CHECKING:
    from collections.abc import Mapping

    Record = Mapping[str, Any]  # `_src_path`, `_commit`, and each answer by its question

ANSWERS_FILE = ".copier-answers.yml"


def parse_record(text: bytes, name: str) -> Record:
    """Parse an answers file; raise `CommandError` if it is invalid.

    Raises:
        CommandError: it is not YAML, lacks `_src_path` or `_commit`, or has a relative path.
    """
    try:
        record = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CommandError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(record, dict) or not {"_src_path", "_commit"} <= record.keys():
        raise CommandError(f"{name} has no _src_path or no _commit: is it the answers file that Copier wrote?")
    if is_relative(str(record["_src_path"])):
        raise CommandError(
            f"`_src_path: {record['_src_path']}` in {name} is a relative path, which is valid in one"
            " directory only. Replace it by the template's URL or absolute path, and commit."
        )
    return {str(question): answer for question, answer in record.items()}


def is_relative(source: str) -> bool:
    """Return whether the template's source is a relative path instead of a URL or an alias such as `gh:`."""
    return not (":" in source or source.startswith("~") or Path(source).is_absolute())


def normalized_source(source: str) -> str:
    """Return the template's source as Copier records it: an absolute path, or a URL that Copier recognises."""
    if is_relative(source):
        return str(Path(source).resolve())
    is_known = re.match(r"git\+|git@|git://|gh:|gl:|file://|/|~|https://git(hub|lab)\.com/", source) or source.endswith(
        ".git"
    )
    return source if is_known else f"git+{source}"


def find_service(start: Path, answers_file: str) -> Path:
    """Return the nearest directory at or above `start` that has an answers file, or `start` if there is none."""
    return next((each for each in (start, *start.parents) if (each / answers_file).is_file()), start)


@dataclass(frozen=True)
class Service:
    """The checkout of a service, which may be a subdirectory of its Git repository."""

    directory: Path
    answers_file: str = ANSWERS_FILE

    @property
    def record(self) -> Record:
        """The parsed answers file of the work tree."""
        return parse_record(self.record_text, self.answers_file)

    @property
    def record_text(self) -> bytes:
        """The text of the answers file in the work tree."""
        path = self.directory / self.answers_file
        if not path.is_file():
            raise CommandError(
                f"{self.answers_file} is missing in {self.directory}: run the command in a service, or name the"
                " service by --service and the file by --answers-file."
            )
        return path.read_bytes()

    @property
    def head(self) -> str:
        """The id of the commit that is checked out."""
        return git(self.directory, "rev-parse", "--verify", "HEAD").strip()

    @property
    def prefix(self) -> str:
        """The service's directory relative to its Git repository's root, with a final slash; empty for the root."""
        return git(self.directory, "rev-parse", "--show-prefix").removesuffix("\n")

    @property
    def root(self) -> Path:
        """The root directory of the Git work tree that contains the service."""
        return Path(git(self.directory, "rev-parse", "--show-toplevel").removesuffix("\n"))

    def committed(self, path: str, commit: str = "HEAD") -> bytes | None:
        """Return a file of the service at a commit; None if the commit lacks it."""
        return query(self.directory, "show", f"{commit}:./{path}")

    def current(self, path: str) -> bytes | None:
        """Return a file of the service in the work tree; None if it is missing."""
        file = self.directory / path
        return file.read_bytes() if file.is_file() else None

    def require_commits(self) -> None:
        """Raise `CommandError` if the service is not in a Git repository with at least one commit."""
        if query(self.directory, "rev-parse", "--git-dir") is None:
            raise CommandError(
                f"{self.directory} is not in a Git repository: run `git init` and commit the service first."
            )
        if query(self.directory, "rev-parse", "--verify", "HEAD") is None:
            raise CommandError("The repository has no commits: commit the service first.")

    def require_clean(self) -> None:
        """Raise `CommandError` if a tracked file of the service has uncommitted changes."""
        self.require_commits()
        for name in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply"):
            path = git(self.directory, "rev-parse", "--path-format=absolute", "--git-path", name).removesuffix("\n")
            if Path(path).exists():
                operation = name.partition("_HEAD")[0].partition("-")[0].lower().replace("_", "-")
                raise CommandError(f"A {operation} is in progress: finish or abort it first.")
        status = ("status", "--porcelain", "--untracked-files=no", "--", ".")
        if changed := git(self.directory, *status):
            files = ", ".join(line[3:] for line in changed.splitlines()[:3])
            raise CommandError(f"Commit or stash uncommitted changes first: {files}.")

    def require_committable(self) -> None:
        """Raise `CommandError` if Git could not commit, because it has no identity or signing fails."""
        for role in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            git(self.directory, "var", role)
        if (query(self.directory, "config", "--type=bool", "--get", "commit.gpgSign") or b"").strip() != b"true":
            return
        done = run_git(self.directory, "commit-tree", "-S", "HEAD^{tree}", "-m", "Test signing")
        if done.returncode:
            reason = " ".join(done.stderr.decode(errors="replace").split())
            raise CommandError(
                f"Commits cannot be signed: {reason}. Fix signing, or turn it off for this repository:"
                " git config commit.gpgSign false"
            )

    def subtree(self, commit: str) -> str:
        """Return the Git tree of the service's directory at a commit."""
        return git(self.directory, "rev-parse", f"{commit}:{self.prefix.rstrip('/')}").strip()
