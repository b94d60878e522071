"""The service as Git has it, and what it records of its template."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from .errors import CommandError

ANSWERS_FILE = ".copier-answers.yml"
Record = Mapping[str, Any]  # `_src_path`, `_commit`, and each answer by its question


def asked(directory: Path, *arguments: str) -> bytes | None:
    """Ask Git; nothing when it cannot tell."""
    run = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else None


def git(directory: Path, *arguments: str) -> str:
    """Run Git; raises `CommandError` with its own last words."""
    run = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, check=False)
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip() or f"it ended with {run.returncode}"
        raise CommandError(f"`git {arguments[0]}` failed: {said}")
    return run.stdout.decode(errors="surrogateescape")


def listed(directory: Path, *arguments: str) -> list[str]:
    """List paths that Git names, each ended by a zero."""
    return [path for path in git(directory, *arguments).split("\0") if path]


def parsed(text: bytes, name: str) -> Record:
    """Read a record; raises `CommandError` unless it leads to a version of a template."""
    try:
        record = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CommandError(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(record, dict) or not {"_src_path", "_commit"} <= record.keys():
        raise CommandError(f"{name} names no template or no version; is it the answers file?")
    if is_relative(str(record["_src_path"])):
        raise CommandError(
            f"`_src_path: {record['_src_path']}` in {name} is a relative path: it leads to the"
            " template from one directory only. Replace it by the template's URL or absolute path,"
            " and commit."
        )
    return {str(question): answer for question, answer in record.items()}


def is_relative(source: str) -> bool:
    """Tell a relative path from an absolute one, a URL, and an alias such as `gh:`."""
    return not (":" in source or source.startswith("~") or Path(source).is_absolute())


@dataclass(frozen=True)
class Service:
    """A checkout of a service, which may be a part of its repository only."""

    directory: Path
    answers_file: str = ANSWERS_FILE

    @property
    def record(self) -> Record:
        """What the work tree records."""
        path = self.directory / self.answers_file
        if not path.is_file():
            raise CommandError(
                f"There is no {self.answers_file} in {self.directory}: the service does not say"
                " what it came from. Name the file by --answers-file."
            )
        record = parsed(path.read_bytes(), self.answers_file)
        if is_relative(str(record["_src_path"])):
            raise CommandError(
                f"`_src_path: {record['_src_path']}` in {self.answers_file} is a relative path:"
                " it leads to the template from one directory only. Replace it by the template's"
                " URL or absolute path, and commit."
            )
        return record

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return git(self.directory, "rev-parse", "--verify", "HEAD").strip()

    def committed(self, path: str, commit: str = "HEAD") -> bytes | None:
        """Read a file of a commit; nothing when it is not there."""
        return asked(self.directory, "show", f"{commit}:./{path}")

    def current(self, path: str) -> bytes | None:
        """Read a file of the work tree; nothing when it is not there."""
        file = self.directory / path
        return file.read_bytes() if file.is_file() else None

    def require_history(self) -> None:
        """Raise `CommandError` when the service is in no repository, or nothing is committed."""
        if asked(self.directory, "rev-parse", "--git-dir") is None:
            raise CommandError(f"{self.directory} is in no Git repository: begin with `git init`.")
        if asked(self.directory, "rev-parse", "--verify", "HEAD") is None:
            raise CommandError("Nothing is committed yet: begin with a commit of all there is.")

    def require_clean(self) -> None:
        """Raise `CommandError` when tracked files have uncommitted changes."""
        self.require_history()
        status = ("status", "--porcelain", "--untracked-files=no", "--", ".")
        if changed := git(self.directory, *status):
            names = ", ".join(line[3:] for line in changed.splitlines()[:3])
            raise CommandError(f"Commit or stash what is changed first: {names}.")

    def within(self, work_tree: Path) -> "Service":
        """Find the same service in another work tree of its repository."""
        prefix = git(self.directory, "rev-parse", "--show-prefix").strip()
        return replace(self, directory=work_tree / prefix)
