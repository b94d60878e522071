"""Create a service by asking the template's questions, rendering its files, and committing them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from dataclasses import dataclass, field, replace
from importlib.metadata import distribution
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import yaml

from slipway.console import echo, warn
from slipway.errors import CommandError
from slipway.git import git, query, run_git
from slipway.service.checkout import ANSWERS_FILE
from slipway.source.origin import readable_source, recorded_source
from slipway.source.releases import sorted_releases
from slipway.source.rendering import Answers, reason, render
from slipway.source.template import Template
from slipway.trees import EXECUTABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slipway.source.rendering import Rendering

STEP = 4  # columns, as Copier's `to_nice_yaml` indents


@dataclass(frozen=True)
class Start:
    """Options of the command `slipway new`."""

    directory: Path
    source: str | None = None
    to: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    is_asking: bool = False
    git: bool = True
    answers_file: str = ANSWERS_FILE


@dataclass
class Created:
    """The result of `slipway new`, in the form that `--json` prints."""

    directory: str
    version: str
    commit: str | None = None
    problem: str = ""  # why it has no commit


def create(start: Start) -> Created:
    """Create a service completely or not at all, by rendering it elsewhere and then moving it into place.

    Raises:
        CommandError: the directory is not empty, the template or an answer is invalid, or Git could not commit.
    """
    directory = Path(os.path.abspath(start.directory))  # noqa: PTH100 - the shell's path, not that of a link's target
    require_empty(start.directory, directory)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that `finally` removes the temporary directory
    parent = next(each for each in directory.parents if each.is_dir())
    try:
        place = Path(mkdtemp(prefix=f".{directory.name}.", dir=parent))
    except OSError as error:
        raise CommandError(f"{parent} is not writable: {error.strerror}.") from error
    service = place / "service"
    try:
        service.mkdir()
        is_inside = start.git and is_tracked(parent, directory)
        if start.git:
            require_committable(parent if is_inside else service, is_new=not is_inside)
        version, rendering = rendered(start)
        write(service, rendering, start.answers_file)
        move(service, directory)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    created = Created(str(directory), version)
    if start.git:
        commit(created, directory, [*rendering.files, start.answers_file])
    print_next(start, created, rendering)
    return created


def require_empty(name: Path, directory: Path) -> None:
    """Raise `CommandError` if the target exists and is not an empty directory."""
    if os.path.lexists(directory) and not directory.is_dir():
        raise CommandError(f"{name} is a file: name a directory that is missing or empty.")
    if directory.is_dir() and any(directory.iterdir()):
        raise CommandError(f"{name} is not empty: name a directory that is missing or empty.")


# ── The template ──────────────────────────────────────────────────────────────────────────────────────────────────────
def installed_source() -> tuple[str, str | None]:
    """Return the source and the revision of the template from which `slipway` was installed (PEP 610)."""
    text = distribution("slipway").read_text("direct_url.json")
    about = json.loads(text) if text else {}
    url, repository = str(about.get("url", "")), about.get("vcs_info")
    if not url or (repository is None and "dir_info" not in about):
        raise CommandError("This command was not installed from a template: name one by --source URL.")
    parts = urlsplit(url)
    source = unquote(parts.path) if parts.scheme == "file" else url
    return source, (repository or {}).get("requested_revision")


def rendered(start: Start) -> tuple[str, Rendering]:
    """Render the template for a new service, and return the version's name, the files and the answers."""
    source, revision = (start.source, None) if start.source else installed_source()
    template = Template(readable_source(source))
    try:
        tags = sorted_releases(template.tags)
        revision = start.to or revision or (tags[-1] if tags else None)
        if revision is None:
            require_unchanged(template)
        commit = template.resolve(revision or "HEAD")
        version = template.describe(commit)
        checkout = template.checkout(commit)
        if not any((checkout / name).is_file() for name in ("copier.yml", "copier.yaml")):
            raise CommandError(f"{source} has no copier.yml at {version}: name the repository of a template.")
        rendering = answered(template, version, start)
    finally:
        template.close()
    if unknown := sorted(start.answers.keys() - rendering.record.keys()):
        raise CommandError(f"The template asks no question named {', '.join(unknown)}.")
    recorded = recorded_source(source, commit, is_installed=not start.source)
    return version, replace(rendering, record={**rendering.record, "_src_path": recorded})


def answered(template: Template, version: str, start: Start) -> Rendering:
    """Ask the template's questions, and render the template.

    Raises `CommandError` with the question and a fix if an answer is invalid.
    """
    try:
        return render(template, version, Answers(b"", start.answers, start.is_asking), start.answers_file)
    except CommandError as error:
        from copier.errors import CopierAnswersInterrupt, UserMessageError  # noqa: PLC0415 - slow to import

        if isinstance(error.__cause__, CopierAnswersInterrupt):
            raise KeyboardInterrupt from error
        if isinstance(error.__cause__, UserMessageError | ValueError):
            raise CommandError(reason(error.__cause__)) from error
        raise


def require_unchanged(template: Template) -> None:
    """Raise `CommandError` if the template has uncommitted changes, because no recorded version contains them."""
    changed = (query(template.repository, "status", "--porcelain") or b"").decode(errors="replace").splitlines()
    if changed:
        raise CommandError(
            f"The template has uncommitted changes ({changed[0][3:]}), which no version contains: commit them"
            " first, or create the service from the last commit by --to HEAD."
        )


# ── The files ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def write(directory: Path, rendering: Rendering, answers_file: str) -> None:
    """Write the rendered files and the answers file to a directory."""
    for path, file in rendering.files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        if file.mode == EXECUTABLE:
            target.chmod(target.stat().st_mode | 0o111)
    record = yaml.safe_dump(dict(rendering.record), indent=STEP, allow_unicode=True, sort_keys=False)
    (directory / answers_file).write_text(rendering.header + record, "utf-8")


def move(service: Path, directory: Path) -> None:
    """Move a new service from its temporary directory to the requested one.

    An empty directory stays, and receives the service's entries one by one. If one move fails, all are undone.
    """
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        service.rename(directory)
        return
    names = [entry.name for entry in service.iterdir()]
    try:
        for name in names:
            (service / name).rename(directory / name)
    except BaseException:
        for name in names:
            if (directory / name).exists():
                (directory / name).rename(service / name)
        raise


# ── The commit ────────────────────────────────────────────────────────────────────────────────────────────────────────
def is_tracked(parent: Path, directory: Path) -> bool:
    """Return whether a directory is in a Git work tree and not ignored there."""
    inside = (query(parent, "rev-parse", "--is-inside-work-tree") or b"").strip() == b"true"
    return inside and query(parent, "check-ignore", "--quiet", str(directory)) is None


def require_committable(directory: Path, *, is_new: bool) -> None:
    """Raise `CommandError` if Git could not commit the service.

    A new repository is initialised first.
    """
    otherwise = "or create the service without a commit by --no-git."
    if is_new:
        has_default = query(directory, "config", "--get", "init.defaultBranch")
        git(directory, "init", "--quiet", *([] if has_default else ["--initial-branch=main"]))
    for role in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        if query(directory, "var", role) is None:
            raise CommandError(
                "Git has no identity to commit with: set it by `git config --global user.name NAME` and"
                f" `git config --global user.email ADDRESS`, {otherwise}"
            )
    if (query(directory, "config", "--type=bool", "--get", "commit.gpgSign") or b"").strip() != b"true":
        return
    tree = git(directory, "hash-object", "-t", "tree", "-w", os.devnull).strip()
    done = run_git(directory, "commit-tree", "-S", tree, "-m", "Test signing")
    if done.returncode:
        why = " ".join(done.stderr.decode(errors="replace").split())
        raise CommandError(f"Commits cannot be signed: {why}. Fix signing, {otherwise}")


def commit(created: Created, directory: Path, paths: list[str]) -> None:
    """Commit only the service's files.

    If that fails, the files stay, and `created.problem` contains the reason.
    """
    message = f"Start from the template at {created.version}"
    pathspecs = "\0".join(paths).encode()
    from_input = ("--pathspec-from-file=-", "--pathspec-file-nul")
    try:
        # `--force`: a global gitignore must not exclude files of the template.
        git(directory, "--literal-pathspecs", "add", "--force", *from_input, stdin=pathspecs)
        git(directory, "commit", "--quiet", "--message", message, "--", ".")
        created.commit = git(directory, "rev-parse", "HEAD").strip()
    except KeyboardInterrupt:
        created.problem = "Interrupted"
    except CommandError as error:
        created.problem = str(error)
    if created.problem:
        place = shlex.quote(str(directory))
        warn(f"{created.problem}\nThe service is complete, but not committed. Fix that, and commit it:")
        warn(f"  git -C {place} commit --message {shlex.quote(message)} -- .")


def print_next(start: Start, created: Created, rendering: Rendering) -> None:
    """Print the commands to run next in the new service, with paths relative to the current directory."""
    echo(f"{start.directory} is a service of the template at {created.version}. Next:", "")
    if Path(created.directory) != Path.cwd():
        echo(f"  cd {shlex.quote(str(start.directory))}")
    echo("  uv run app dev")
    if "slipway.py" in rendering.files:
        echo("  uv run slipway.py add resource order total:decimal 'note:text?'")
