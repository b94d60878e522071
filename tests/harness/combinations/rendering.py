"""Call Copier within this process, and cache its results.

A copy takes about a second on the command line, and a tenth of it here. Six things are cached: templates compiled by
Jinja, clones of the template's repository, the environment of extensions of each clone, formatted modules, the path of
the answers file, and the patterns that a path matches. Two are skipped: rendering of names without Jinja, and a call of
Git after each file, which matters only where Git ignores the executable bit.
`test_rendering.py` compares the output with that of the command line.
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

from tests.harness.combinations.formatted import FormattedModules
from tests.harness.workspace import CACHE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType

    from tests.harness.combinations.questions import Answers


UNATTENDED: dict[str, Any] = {"defaults": True, "overwrite": True, "quiet": True, "unsafe": True}


@dataclass(frozen=True)
class File:
    """A file's content and executable bit, as Git stores them."""

    content: bytes
    executable: bool

    @cached_property
    def text(self) -> str:
        """Return the decoded content, cached for all services that have the file."""
        return self.content.decode()

    @cached_property
    def mtime(self) -> int:
        """Derive a modification time from the content, in seconds between 1987 and 2021.

        mypy considers a file unchanged if path, size and second are equal, and services share its cache.
        """
        return 2**29 + int.from_bytes(hashlib.sha256(self.content).digest()[:4]) % 2**30


Tree = dict[str, File]


def tree(directory: Path) -> Tree:
    """Read all files below `directory`, except in `.git`."""
    return {
        path.relative_to(directory).as_posix(): File(path.read_bytes(), bool(path.stat().st_mode & 0o111))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(directory).parts
    }


def render(template: Path, destination: Path, answers: Answers, release: str | None = None) -> None:
    """Run `copier copy --trust --defaults` in process."""
    copier.run_copy(str(template), destination, data=answers, vcs_ref=release, **UNATTENDED)


def update(directory: Path, answers: Answers, release: str | None = None) -> None:
    """Run `copier update --trust --defaults` in process."""
    copier.run_update(directory, data=answers, vcs_ref=release, **UNATTENDED)


def reset_yield(environment: Environment) -> None:
    """Clear Copier's record of the last `yield` tag, as compiling a template does."""
    context = get_yield_context(environment)
    context.yield_name = context.yield_iterable = None


def cache_compiled(compile_template: Callable[..., CodeType]) -> Callable[..., CodeType]:
    """Compile each template file once per clone, because clones may have different Jinja extensions."""
    compiled: dict[tuple[Any, ...], CodeType] = {}

    def compile_once(self: Environment, source: str, name: str | None = None, filename: str | None = None) -> CodeType:
        key = (source, name, filename, *getattr(self.loader, "searchpath", ()))
        if key in compiled:
            reset_yield(self)
        else:
            compiled[key] = compile_template(self, source, name, filename)
        return compiled[key]

    return compile_once


class Clones:
    """One clone for each version of the template, shared by all workers that copy or update from it."""

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
            template._cleanup()  # noqa: SLF001 - as the worker does


def cached(name: str, function: Callable[[Any], Any]) -> cached_property[Any]:
    cached_attribute = cached_property(function)
    cached_attribute.__set_name__(Worker, name)
    return cached_attribute


def cache_answers_path(find: Callable[[Worker], Path]) -> property:
    """Render the path of the answers file once per worker."""

    def answers_relpath(self: Worker) -> Path:
        if "_answers_path" in vars(self):
            reset_yield(self.jinja_env)
        else:
            vars(self)["_answers_path"] = find(self)
        path: Path = vars(self)["_answers_path"]
        return path

    return property(answers_relpath)


def cache_environments(make: Callable[[Worker], Environment]) -> Callable[[Worker], Environment]:
    """Load the extensions once per clone, and format each module once."""
    environments: dict[Path, Environment] = {}
    formatted = FormattedModules(CACHE / "formatted")

    def environment(self: Worker) -> Environment:
        clone = self.template.local_abspath
        if clone not in environments:
            environments[clone] = make(self)
            formatted.use(environments[clone], clone)
        return environments[clone]

    return environment


def skip_plain(render_string: Callable[..., str]) -> Callable[..., str]:
    """Wrap `render_string` to return strings without Jinja unchanged."""

    def render(self: Worker, string: str, extra_context: dict[str, Any] | None = None) -> str:
        if "{" in string:
            return render_string(self, string, extra_context)
        reset_yield(self.jinja_env)
        return string

    return render


class Matches:
    """A cache of the exclusion patterns that match each path."""

    def __init__(self, make: Callable[[Worker, list[str]], Callable[[Path], bool]]) -> None:
        self.make = make
        self.patterns: dict[str, Callable[[Path], bool]] = {}
        self.matches: dict[Path, tuple[int, set[str]]] = {}

    def matcher(self, worker: Worker, patterns: Iterable[str]) -> Callable[[Path], bool]:
        """Return a function that returns whether any of the patterns matches a path.

        Unlike Copier's, it does not support patterns with `!`.
        """
        distinct_patterns = frozenset(patterns)
        assert not any(pattern.lstrip().startswith("!") for pattern in distinct_patterns), "an exception to a pattern"
        for pattern in sorted(distinct_patterns - self.patterns.keys()):
            self.patterns[pattern] = self.make(worker, [pattern])
        return lambda path: not distinct_patterns.isdisjoint(self.matching(path))

    def matching(self, path: Path) -> set[str]:
        checked, matching = self.matches.get(path, (0, set()))
        if checked < len(self.patterns):
            matching |= {pattern for pattern, matches in islice(self.patterns.items(), checked, None) if matches(path)}
            self.matches[path] = len(self.patterns), matching
        return matching


def cache_matches(make: Callable[[Worker, list[str]], Callable[[Path], bool]]) -> Callable[..., Any]:
    """Cache whether a path matches a pattern."""
    matches = Matches(make)

    def path_matcher(self: Worker, patterns: Iterable[str]) -> Callable[[Path], bool]:
        return matches.matcher(self, patterns)

    return path_matcher


def rendering_key(worker: Worker) -> str:
    """Return the cache key of a rendering, made of the template clone, the answers and the answers file's path."""
    visible = {name for name, question in worker.template.questions_data.items() if question.get("when") is not False}
    answers = sorted((name, value) for name, value in worker.answers.combined.items() if name in visible)
    return repr((worker.template.local_abspath, worker.answers_relpath, answers))


RenderedFile = tuple[Path, bytes, int]  # path, content, mode
Predict = Callable[[Worker], list[RenderedFile] | None]  # the files that a worker would render; None if unknown
MAX_RENDERINGS = 16  # cached renderings


class Renderings:
    """A cache of recent renderings' files, and of the exclusions that applied to them.

    Equal file contents are stored once.
    """

    def __init__(self, render_template: Callable[[Worker], None], predict: Predict) -> None:
        self.render_template = render_template
        self.predict = predict
        self.rendered: dict[str, tuple[set[str], list[RenderedFile]]] = {}
        self.contents: dict[bytes, bytes] = {}

    def get(self, worker: Worker) -> list[RenderedFile] | None:
        """Return the files of a cached or predicted rendering; None if neither exists.

        A cached rendering is used if the worker excludes at least what was excluded then.
        """
        excluded, files = self.rendered.get(rendering_key(worker), (None, []))
        if excluded is not None and excluded <= set(worker.all_exclusions):
            return files
        predicted = self.predict(worker)
        if predicted:
            self.put(worker, set(), predicted)
        return predicted

    def render(self, worker: Worker) -> None:
        """Render with Copier's worker, and cache the files."""
        files: list[RenderedFile] = []
        allowed = Worker._render_allowed  # noqa: SLF001 - called for each file, even if not written

        def record(self_: Worker, path: Path, **expected: Any) -> bool:  # noqa: ANN401 - Copier's signature
            if not expected.get("is_dir"):
                content = expected["expected_contents"]
                files.append((path, self.contents.setdefault(content, content), expected["expected_mode"]))
            return allowed(self_, path, **expected)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "_render_allowed", record)
            self.render_template(worker)
        self.put(worker, set(worker.all_exclusions), files)

    def put(self, worker: Worker, excluded: set[str], files: list[RenderedFile]) -> None:
        self.rendered[rendering_key(worker)] = excluded, files
        while len(self.rendered) > MAX_RENDERINGS:
            del self.rendered[next(iter(self.rendered))]


def cache_renderings(render_template: Callable[[Worker], None], predict: Predict) -> Callable[[Worker], None]:
    """Wrap `render_template` to reuse recent renderings.

    An update renders the new version twice and the old version again. Existing files still decide in each rendering
    whether a file is written (`_render_allowed`).
    """
    renderings = Renderings(render_template, predict)

    def render(self: Worker) -> None:
        files = renderings.get(self)
        if files is None:
            renderings.render(self)
            return
        for path, content, mode in files:
            if self.match_exclude(path):  # the next version excludes it
                continue
            if self._render_allowed(path, expected_contents=content, expected_mode=mode):
                write(self.subproject.local_abspath / path, content, mode)

    return render


def write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


@contextmanager
def caching() -> Iterator[None]:
    """Cache Copier's compiled templates, clones and path matches while the context is active."""
    clones = Clones()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", cache_compiled(Environment.compile))
        patch.setattr(Worker, "template", cached("template", clones.of_worker))
        patch.setattr(Subproject, "template", cached("template", clones.of_subproject))
        patch.setattr(Worker, "jinja_env", cached("jinja_env", cache_environments(vars(Worker)["jinja_env"].func)))
        patch.setattr(Worker, "_render_string", skip_plain(Worker._render_string))  # noqa: SLF001
        patch.setattr(Worker, "answers_relpath", cache_answers_path(vars(Worker)["answers_relpath"].fget))
        patch.setattr(Worker, "_path_matcher", cache_matches(Worker._path_matcher))  # noqa: SLF001
        patch.setattr(copier._main, "is_git_available", lambda: False)  # noqa: SLF001 - used only for the executable bit
        yield
    clones.remove()


@contextmanager
def caching_renderings(predict: Predict = lambda _: None) -> Iterator[None]:
    """Cache complete renderings, too, while the context is active.

    The variables that files read are not recorded.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_render_template", cache_renderings(Worker._render_template, predict))  # noqa: SLF001
        yield
