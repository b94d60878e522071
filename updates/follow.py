"""Repair a plain Copier update, in which edits to files that the template moved are lost.

Copier renders a moved file under its new path, and deletes the old one with the owner's edits. This script merges the
edits since the last update into the new file, with conflict markers as Git's. Imports of moved modules are rewritten in
the owner's files and edits before the merge. The owner's own files move with a directory that has moved as a whole. An
edited file that the template or an answer deleted is reported, with the command that restores it. No other file
changes. `moves.toml` declares the moves.

    python follow.py ANSWERS_FILE    in the service's directory
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the clone of the template

from slipway.imports.files import is_rewritten, rewrite_file, rewrite_files
from slipway.imports.order import find_ruff, keep_order
from slipway.moves.declared import Moves

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from slipway.imports.renames import Renames

MOVES = Path(__file__).with_name("moves.toml")
LABELS = ("before updating", "last update", "after updating")  # in conflict markers, as Copier's


def git(*arguments: str | Path, stdin: str | None = None) -> bytes:
    """Run Git in the service's directory, and return its output; raise `CalledProcessError` if it fails."""
    text = stdin.encode() if stdin is not None else None
    return subprocess.run(["git", *arguments], check=True, capture_output=True, input=text).stdout


def list_paths(*arguments: str) -> list[str]:
    """Run a Git command that prints NUL-terminated paths, and return the paths."""
    return [path for path in git(*arguments).decode().split("\0") if path]


def read_blobs(blobs: Collection[str]) -> list[bytes]:
    """Return the contents of Git blobs, in one process of Git, because a project has hundreds of files."""
    output = git("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs))
    contents, start = [], 0
    for _ in blobs:
        header_end = output.index(b"\n", start)
        end = header_end + 1 + int(output[start:header_end].split()[-1])
        contents.append(output[header_end + 1 : end])
        start = end + 1
    return contents


def deleted() -> list[str]:
    """List the files in HEAD that the update has deleted."""
    return list_paths("diff", "--name-only", "--no-renames", "--diff-filter=D", "--relative", "-z", "HEAD", "--", ".")


def present() -> set[str]:
    """List the files that exist in the service, tracked or untracked, except for ignored ones."""
    paths = list_paths("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return {path for path in paths if Path(path).exists()}


def unmerged() -> dict[str, dict[int, str]]:
    """Return the Git blobs of each conflicting file by stage.

    Stage 1 is the base, 2 the service's version, and 3 the template's.
    """
    stages: dict[str, dict[int, str]] = {}
    for line in list_paths("ls-files", "--unmerged", "-z"):
        entry, _, path = line.partition("\t")
        _, blob, stage = entry.split()
        stages.setdefault(path, {})[int(stage)] = blob
    return stages


class Before:
    """The service before the update, with its last commit and the files that the template rendered for it."""

    def __init__(self, record: str) -> None:
        self.record = record
        self.directory = tempfile.TemporaryDirectory()

    @cached_property
    def tracked(self) -> dict[str, str]:
        """The files in HEAD: their Git blobs by path."""
        entries = [line.partition("\t") for line in list_paths("ls-tree", "-r", "-z", "HEAD")]
        return {path: entry.split()[2] for entry, _, path in entries if entry.split()[1] == "blob"}

    def contents(self, paths: Collection[str]) -> dict[str, bytes]:
        """Return the contents of files in HEAD by path."""
        return dict(zip(paths, read_blobs([self.tracked[path] for path in paths]), strict=True))

    def content(self, path: str) -> bytes:
        """Return the content of a file in HEAD."""
        return self.contents([path])[path]

    @cached_property
    def pristine(self) -> Path:
        """A directory with the files that the recorded template version renders from the recorded answers."""
        import copier  # noqa: PLC0415 - slow to import, and most updates delete nothing
        import yaml  # noqa: PLC0415

        recorded = yaml.safe_load(self.content(self.record))
        answers = {name: answer for name, answer in recorded.items() if not name.startswith("_")}
        rendered = Path(self.directory.name) / "pristine"
        source, version = recorded["_src_path"], recorded["_commit"]
        copier.run_copy(source, rendered, answers, vcs_ref=version, defaults=True, quiet=True, unsafe=True)
        return rendered

    def edited(self, paths: Iterable[str]) -> list[str]:
        """Return those files of HEAD that differ from the rendered ones, or were not rendered at all."""
        contents = self.contents([path for path in paths if path in self.tracked])
        return [path for path, content in contents.items() if not self.is_rendered(path, content)]

    def is_rendered(self, path: str, content: bytes) -> bool:
        """Return whether the recorded template version renders a file with this content."""
        rendered = self.pristine / path
        return rendered.exists() and rendered.read_bytes() == content

    @cached_property
    def rendered(self) -> set[str]:
        """The paths of the files that the recorded template version renders."""
        files = (path for path in self.pristine.rglob("*") if path.is_file())
        return {path.relative_to(self.pristine).as_posix() for path in files}

    @cached_property
    def style(self) -> str:
        """The text of the service's `ruff.toml`; empty if there is none."""
        return self.content("ruff.toml").decode() if "ruff.toml" in self.tracked else ""

    def sides(self, moved: dict[str, str]) -> list[Sides]:
        """Return the service's, the base and the template's version of moved files, given by old and new paths."""
        return [
            Sides(path, moved[path], content, (self.pristine / path).read_bytes(), Path(moved[path]).read_bytes())
            for path, content in self.contents(moved).items()
        ]


@dataclass(frozen=True)
class Sides:
    """The service's (`ours`), base and template's (`theirs`) version of a file, with its old and new path."""

    path: str
    to: str
    ours: bytes
    base: bytes
    theirs: bytes


def conflicting() -> list[Sides]:
    """Return the three versions of each conflicting file, unless one side has deleted the file."""
    complete = {path: stages for path, stages in unmerged().items() if len(stages) == len(LABELS)}
    contents = read_blobs([stages[stage] for stages in complete.values() for stage in (2, 1, 3)])
    return [Sides(path, path, *contents[3 * number : 3 * number + 3]) for number, path in enumerate(complete)]


def decoded(content: bytes) -> str | None:
    """Return a file's content as text; None if it is binary."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def rewritten(files: list[Sides], renames: Renames, style: str) -> list[Sides]:
    """Rewrite imports in the base and the service's version of files.

    Imports that were sorted before are sorted again.
    """
    texts: dict[str, tuple[str, str]] = {}
    for each in files:
        for side, content in (("ours", each.ours), ("base", each.base)):
            text = decoded(content)
            if text is not None:
                texts[f"{side}/{each.to}"] = text, rewrite_file(each.path, text, renames, each.to)
    ordered = keep_order(texts, style, find_ruff(Path()))
    contents = {name: text.encode() for name, text in ordered.items()}
    return [
        replace(each, ours=contents.get(f"ours/{each.to}", each.ours), base=contents.get(f"base/{each.to}", each.base))
        for each in files
    ]


def merge(file: Sides) -> bool:
    """Merge the versions of a file with `git merge-file`, record a conflict, and return whether there is none."""
    to = file.to
    with tempfile.TemporaryDirectory() as directory:
        sides = [Path(directory) / name for name in ("ours", "base", "theirs")]
        for side, content in zip(sides, (file.ours, file.base, file.theirs), strict=True):
            side.write_bytes(content)
        labels = [argument for label in LABELS for argument in ("-L", label)]
        merged = subprocess.run(["git", "merge-file", "-p", *labels, *sides], check=False, capture_output=True)
        if merged.returncode < 0 or merged.returncode > 127:  # noqa: PLR2004 - up to 127, it is the number of conflicts
            raise subprocess.CalledProcessError(merged.returncode, "git merge-file", stderr=merged.stderr)
        blobs = git("hash-object", "-w", "--", *sides).decode().split() if merged.returncode else []
    Path(to).write_bytes(merged.stdout)
    if blobs:
        record_conflict(to, base=blobs[1], ours=blobs[0], theirs=blobs[2])
    elif list_paths("ls-files", "--unmerged", "-z", "--", to):
        git("reset", "--quiet", "--", to)
    return merged.returncode == 0


def record_conflict(path: str, *, base: str, ours: str, theirs: str) -> None:
    """Record a conflict in Git's index, with the three versions as stages."""
    name = git("rev-parse", "--show-prefix").decode().strip() + path
    stages = [f"100644 {blob} {stage}\t{name}\n" for stage, blob in enumerate((base, ours, theirs), start=1)]
    git("update-index", "--index-info", stdin=f"0 {'0' * 40}\t{name}\n{''.join(stages)}")


def merge_again(renames: Renames, style: str, done: set[str]) -> list[str]:
    """Merge conflicting files again with rewritten imports, and return the paths of those that changed."""
    files = [each for each in conflicting() if each.to not in done]
    changed = [new for old, new in zip(files, rewritten(files, renames, style), strict=True) if new != old]
    for each in changed:
        merge(each)
    return [each.to for each in changed]


def rewrite_others(before: Before, renames: Renames, along: dict[str, str]) -> list[str]:
    """Rewrite imports in the service's own files and in edited template files, and return the rewritten paths.

    Unedited files of the template have been rendered with new imports.
    """
    paths = [path for path in present() - {before.record} if is_rewritten(path) and not Path(path).is_symlink()]
    contents = {path: decoded(Path(path).read_bytes()) for path in sorted(paths)}
    texts = {path: text for path, text in contents.items() if text is not None}
    rewritten_texts = rewrite_files(texts, renames, along)
    changed = {path: (texts[path], rewritten_texts[path]) for path in before.edited(rewritten_texts)}
    for path, text in keep_order(changed, before.style, find_ruff(Path())).items():
        Path(path).write_bytes(text.encode())
    return [along.get(path, path) for path in changed]


def move(path: str, to: str) -> None:
    """Move a file, and remove the parent directories that are empty afterwards."""
    Path(to).parent.mkdir(parents=True, exist_ok=True)
    Path(path).rename(to)
    for parent in Path(path).parents:
        if any(parent.iterdir()):
            break
        parent.rmdir()


def report(title: str, lines: list[str]) -> None:
    """Print a titled list to standard error; print nothing if the list is empty."""
    if lines:
        print(f"\n{title}", *(f"    {line}" for line in lines), sep="\n", file=sys.stderr)


def main(record: str) -> None:
    """Move the service's edits and own files to the template's new paths, rewrite imports, and report the changes."""
    before = Before(record)
    removed, exist = deleted(), present()
    moves = Moves.parse(MOVES.read_text(encoding="utf-8"))
    paths = moves.paths(removed, exist)
    along = moves.along(before.tracked.keys() & exist, before.rendered, exist) if paths else {}
    renames = moves.renames(removed, exist - along.keys() | set(along.values()))
    edited = before.edited(removed)
    followed = {path: paths[path] for path in edited if path in paths}
    files = rewritten(before.sides(followed), renames, before.style)
    conflicts = [each.to for each in files if not merge(each)]
    has_moved = bool(renames or paths)
    again = merge_again(renames, before.style, set(followed.values())) if has_moved else []
    others = rewrite_others(before, renames, along) if has_moved else []
    for path, to in along.items():
        move(path, to)
    report("Your edits followed their moved files:", [f"{path} → {to}" for path, to in (followed | along).items()])
    report("Your edits conflict with the update in:", conflicts)
    report("Imports of moved modules were rewritten in:", sorted({*again, *others}))
    lost = [path for path in edited if path not in followed]
    report("Edited files were deleted; restore one by:", [f"git restore --source HEAD -- {path}" for path in lost])


if __name__ == "__main__":
    main(sys.argv[1])
