"""Record the Jinja variables that a file reads while Copier renders it.

A rendering is a function of the facts that it reads: two combinations in which these are equal have equal files.
So few renderings are enough for many combinations.
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

Fact = tuple[str, ...]  # name of an answer; or of a computed value and of its part
ENTRIES: Fact = ("plan", "resources")  # the fact that determines the entry of a looped path
Trace = dict[str, set[Fact]]  # facts read, by path of the rendered file


class Part:
    """A mapping that records the keys that a template reads.

    It supports no other operation.
    """

    def __init__(self, name: str, parts: Mapping[str, Any], read: set[Fact]) -> None:
        self._name, self._parts, self._read = name, parts, read

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any value
        self._read.add((self._name, key))
        return self._parts[key]


class Recorder:
    """Records the variables that each file reads in this process.

    Reads by paths and questions are not recorded.
    """

    def __init__(self) -> None:
        self.trace: Trace = {}
        self.read: set[Fact] | None = None
        self.entry: Mapping[str, Any] = {}  # of the loop in the path

    @contextmanager
    def file(self, path: str, entry: Mapping[str, Any]) -> Iterator[None]:
        self.read = self.trace.setdefault(path, set())
        self.read |= {ENTRIES} if entry else set()
        self.entry = entry
        yield
        self.read, self.entry = None, {}

    def resolved(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any value
        if self.read is None or name in self.entry:
            return value
        if isinstance(value, dict) and not name.startswith("_"):
            return Part(name, value, self.read)
        self.read.add((name,))
        return value

    def pop_trace(self) -> Trace:
        """Return the variables read by each file so far, and start a new record."""
        trace, self.trace = self.trace, {}
        return trace


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record the variables that Copier's renderings read while the context is active."""
    recorder = Recorder()
    render_file = Worker._render_file  # noqa: SLF001 - the only hook with the path of a file

    class RecordingContext(Context):
        def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - Jinja's signature
            return recorder.resolved(key, super().resolve_or_missing(key))

    def render_recorded(self: Worker, source: Path, destination: Path, extra_context: dict[str, Any]) -> None:
        with recorder.file(destination.as_posix(), extra_context):
            render_file(self, source, destination, extra_context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "context_class", RecordingContext)
        patch.setattr(Worker, "_render_file", render_recorded)
        yield recorder
