"""Copier, called in process and made to remember what it computes again and again.

A copy takes Copier about a second on the command line; here, a tenth of it. Five things are remembered: templates that
Jinja has compiled, clones of the template's repository, the environment of extensions that each clone has, the path of
the answers file, and the patterns that a path matches. Two are left out: the rendering of names in which there is
nothing to render, and a question to Git after each file, which matters where Git ignores the executable bit.
`test_rendering.py` holds the outcome equal to that of the command line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
import copier._main
import pytest
from copier._jinja_ext import get_yield_context
from copier._main import Worker
from copier._subproject import Subproject
from copier._template import Template
from jinja2 import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType

    from tests.harness.combinations.questions import Answers


UNATTENDED: dict[str, Any] = {"defaults": True, "overwrite": True, "quiet": True, "unsafe": True}


@dataclass(frozen=True)
class File:
    """All that Git would keep of a file."""

    content: bytes
    executable: bool

    @cached_property
    def text(self) -> str:
        """The content, read once however many services have it."""
        return self.content.decode()

    @cached_property
    def mtime(self) -> int:
        """Derive a modification time from the content, in seconds between 1987 and 2021.

        mypy takes a file for unchanged when path, size and whole second agree, and services share its cache.
        """
        return 2**29 + int.from_bytes(hashlib.sha256(self.content).digest()[:4]) % 2**30


Tree = dict[str, File]


def tree(directory: Path) -> Tree:
    """Read all files below `directory`, but for Git's own."""
    return {
        path.relative_to(directory).as_posix(): File(path.read_bytes(), bool(path.stat().st_mode & 0o111))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(directory).parts
    }


def render(template: Path, destination: Path, answers: Answers, release: str | None = None) -> None:
    """Do what `copier copy --trust --defaults` does."""
    copier.run_copy(str(template), destination, data=answers, vcs_ref=release, **UNATTENDED)


def update(directory: Path, answers: Answers, release: str | None = None) -> None:
    """Do what `copier update --trust --defaults` does."""
    copier.run_update(directory, data=answers, vcs_ref=release, **UNATTENDED)


def forget_yield(environment: Environment) -> None:
    """Forget the last `yield` tag, as Copier does whenever it compiles a template."""
    context = get_yield_context(environment)
    context.yield_name = context.yield_iterable = None


def remember_compiled(compile_template: Callable[..., CodeType]) -> Callable[..., CodeType]:
    """Compile each template once for each clone that it comes from, and so for each version of the extensions."""
    compiled: dict[tuple[Any, ...], CodeType] = {}

    def compile_once(self: Environment, source: str, name: str | None = None, filename: str | None = None) -> CodeType:
        key = (source, name, filename, *getattr(self.loader, "searchpath", ()))
        if key in compiled:
            forget_yield(self)
        else:
            compiled[key] = compile_template(self, source, name, filename)
        return compiled[key]

    return compile_once


class Clones:
    """One clone for each version of the template, for the workers that ask for it and for those that update from it."""

    def __init__(self) -> None:
        self.templates: dict[tuple[str, str | None], Template] = {}

    def clone(self, url: str, release: str | None) -> Template:
        return self.templates.setdefault((url, release), Template(url=url, ref=release))

    def of_worker(self, worker: Worker) -> Template:
        recorded = worker.subproject.template
        url = worker.src_path or (recorded and recorded.url)
        assert url, "a worker renders a template"
        return self.clone(url, worker.resolved_vcs_ref)

    def of_subproject(self, subproject: Subproject) -> Template | None:
        recorded = subproject.last_answers
        return self.clone(recorded["_src_path"], recorded.get("_commit")) if "_src_path" in recorded else None

    def remove(self) -> None:
        for template in self.templates.values():
            template._cleanup()  # noqa: SLF001 - what the worker that made it would call


def cached(name: str, function: Callable[[Any], Any]) -> cached_property[Any]:
    remembered = cached_property(function)
    remembered.__set_name__(Worker, name)
    return remembered


def remember_answers_path(find: Callable[[Worker], Path]) -> property:
    """Render the path of the answers file once for each worker."""

    def answers_relpath(self: Worker) -> Path:
        if "_answers_path" in vars(self):
            forget_yield(self.jinja_env)
        else:
            vars(self)["_answers_path"] = find(self)
        path: Path = vars(self)["_answers_path"]
        return path

    return property(answers_relpath)


def remember_environment(make: Callable[[Worker], Environment]) -> Callable[[Worker], Environment]:
    """Load the extensions once for each clone that they come from."""
    made: dict[Path, Environment] = {}

    def environment(self: Worker) -> Environment:
        clone = self.template.local_abspath
        if clone not in made:
            made[clone] = make(self)
        return made[clone]

    return environment


def leave_plain(render_string: Callable[..., str]) -> Callable[..., str]:
    """Render no string in which there is nothing of Jinja's."""

    def render(self: Worker, string: str, extra_context: dict[str, Any] | None = None) -> str:
        if "{" in string:
            return render_string(self, string, extra_context)
        forget_yield(self.jinja_env)
        return string

    return render


class Matches:
    """Which of all patterns match a path, found out once for each: without exceptions, any of them decides."""

    def __init__(self, make: Callable[[Worker, list[str]], Callable[[Path], bool]]) -> None:
        self.make = make
        self.patterns: dict[str, Callable[[Path], bool]] = {}
        self.found: dict[Path, tuple[int, set[str]]] = {}

    def matcher(self, worker: Worker, patterns: Iterable[str]) -> Callable[[Path], bool]:
        """Do what Copier's own does, for patterns without exceptions (`!`)."""
        wanted = frozenset(patterns)
        assert not any(pattern.lstrip().startswith("!") for pattern in wanted), "an exception to a pattern"
        for pattern in sorted(wanted - self.patterns.keys()):
            self.patterns[pattern] = self.make(worker, [pattern])
        return lambda path: not wanted.isdisjoint(self.matching(path))

    def matching(self, path: Path) -> set[str]:
        tried, found = self.found.get(path, (0, set()))
        if tried < len(self.patterns):
            found |= {pattern for pattern, matches in islice(self.patterns.items(), tried, None) if matches(path)}
            self.found[path] = len(self.patterns), found
        return found


def remember_matches(make: Callable[[Worker, list[str]], Callable[[Path], bool]]) -> Callable[..., Any]:
    """Match each path with each pattern once."""
    matches = Matches(make)

    def path_matcher(self: Worker, patterns: Iterable[str]) -> Callable[[Path], bool]:
        return matches.matcher(self, patterns)

    return path_matcher


def known(worker: Worker) -> str:
    """Name all that the files of a rendering are made of: the clone, and the answers to what is asked."""
    asked = {name for name, question in worker.template.questions_data.items() if question.get("when") is not False}
    answers = sorted((name, value) for name, value in worker.answers.combined.items() if name in asked)
    return repr((worker.template.local_abspath, worker.answers_relpath, answers))


Written = tuple[Path, bytes, int]  # where, what, and its mode
Foretell = Callable[[Worker], list[Written] | None]  # what a worker would render, where it is known from elsewhere
LATELY = 16  # renderings that are remembered whole


class Renderings:
    """The last renderings, each with what was left out of it; what they have in common is held once."""

    def __init__(self, render_template: Callable[[Worker], None], foretell: Foretell) -> None:
        self.render_template = render_template
        self.foretell = foretell
        self.rendered: dict[str, tuple[set[str], list[Written]]] = {}
        self.contents: dict[bytes, bytes] = {}

    def of(self, worker: Worker) -> list[Written] | None:
        """Give what a worker would render, if that is known: where no less is left out than when it was rendered."""
        left_out, files = self.rendered.get(known(worker), (None, []))
        if left_out is not None and left_out <= set(worker.all_exclusions):
            return files
        foretold = self.foretell(worker)
        if foretold:
            self.keep(worker, set(), foretold)
        return foretold

    def learn(self, worker: Worker) -> None:
        """Let a worker render, and remember it."""
        files: list[Written] = []
        allowed = Worker._render_allowed  # noqa: SLF001 - it is told of each file, whether it will be written or not

        def taken(self_: Worker, path: Path, **expected: Any) -> bool:  # noqa: ANN401 - as Copier has it
            if not expected.get("is_dir"):
                content = expected["expected_contents"]
                files.append((path, self.contents.setdefault(content, content), expected["expected_mode"]))
            return allowed(self_, path, **expected)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "_render_allowed", taken)
            self.render_template(worker)
        self.keep(worker, set(worker.all_exclusions), files)

    def keep(self, worker: Worker, left_out: set[str], files: list[Written]) -> None:
        self.rendered[known(worker)] = left_out, files
        while len(self.rendered) > LATELY:
            del self.rendered[next(iter(self.rendered))]


def remember_rendered(render_template: Callable[[Worker], None], foretell: Foretell) -> Callable[[Worker], None]:
    """Render the same answers once, for an update renders what is new twice, and what is old as it was before.

    What there is already decides at each rendering whether a file is written (`_render_allowed`).
    """
    renderings = Renderings(render_template, foretell)

    def render(self: Worker) -> None:
        files = renderings.of(self)
        if files is None:
            renderings.learn(self)
            return
        for path, content, mode in files:
            if self.match_exclude(path):  # as is what the next version leaves out
                continue
            if self._render_allowed(path, expected_contents=content, expected_mode=mode):
                write(self.subproject.local_abspath / path, content, mode)

    return render


def write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


@contextmanager
def memory() -> Iterator[None]:
    """Let Copier remember, until the context ends."""
    clones = Clones()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", remember_compiled(Environment.compile))
        patch.setattr(Worker, "template", cached("template", clones.of_worker))
        patch.setattr(Subproject, "template", cached("template", clones.of_subproject))
        patch.setattr(Worker, "jinja_env", cached("jinja_env", remember_environment(vars(Worker)["jinja_env"].func)))
        patch.setattr(Worker, "_render_string", leave_plain(Worker._render_string))  # noqa: SLF001
        patch.setattr(Worker, "answers_relpath", remember_answers_path(vars(Worker)["answers_relpath"].fget))
        patch.setattr(Worker, "_path_matcher", remember_matches(Worker._path_matcher))  # noqa: SLF001
        patch.setattr(copier._main, "is_git_available", lambda: False)  # noqa: SLF001 - its one use is that question
        yield
    clones.remove()


@contextmanager
def whole(foretell: Foretell = lambda _: None) -> Iterator[None]:
    """Let Copier remember whole renderings besides, but not what each file of them read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_render_template", remember_rendered(Worker._render_template, foretell))  # noqa: SLF001
        yield
