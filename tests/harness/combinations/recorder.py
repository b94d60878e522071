"""What the rendering of a file reads of the answers, recorded as Copier renders it.

A rendering is a function of what it reads. So two combinations of answers that agree on all that a file read give the
same file, whatever else they answer: this is what lets few renderings stand for many combinations.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from copier._jinja_ext import SandboxedEnvironment
from copier._main import Worker
from jinja2.runtime import Context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Fact = tuple[str, ...]  # an answer, by its name; or a part of a computed one, by both names
LISTED: Fact = ("plan", "resources")  # what decides the entry of a list that gives a path
Trace = dict[str, set[Fact]]  # what was read, by the path of the file that was rendered


class Part:
    """A mapping that tells which of its parts are read, and lets itself be read in no other way."""

    def __init__(self, name: str, parts: Mapping[str, Any], read: set[Fact]) -> None:
        self._name, self._parts, self._read = name, parts, read

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - whatever is there
        self._read.add((self._name, key))
        return self._parts[key]


class Recorder:
    """The traces of the renderings of one process; what is rendered beside files (paths, questions) is not traced."""

    def __init__(self) -> None:
        self.trace: Trace = {}
        self.read: set[Fact] | None = None
        self.entry: Mapping[str, Any] = {}  # of the list that gave the path

    @contextmanager
    def file(self, path: str, entry: Mapping[str, Any]) -> Iterator[None]:
        self.read = self.trace.setdefault(path, set())
        self.read |= {LISTED} if entry else set()
        self.entry = entry
        yield
        self.read, self.entry = None, {}

    def resolved(self, name: str, value: Any) -> Any:  # noqa: ANN401 - whatever Jinja found
        if self.read is None or name in self.entry:
            return value
        if isinstance(value, dict) and not name.startswith("_"):
            return Part(name, value, self.read)
        self.read.add((name,))
        return value

    def taken(self) -> Trace:
        """Return what was recorded, and reset."""
        trace, self.trace = self.trace, {}
        return trace


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record what Copier's renderings read, until the context ends."""
    recorder = Recorder()
    render_file = Worker._render_file  # noqa: SLF001 - there is no other place at which a file has its name

    class RecordingContext(Context):
        def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - as Jinja has it
            return recorder.resolved(key, super().resolve_or_missing(key))

    def render_recorded(self: Worker, source: Path, destination: Path, extra_context: dict[str, Any]) -> None:
        with recorder.file(destination.as_posix(), extra_context):
            render_file(self, source, destination, extra_context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "context_class", RecordingContext)
        patch.setattr(Worker, "_render_file", render_recorded)
        yield recorder
