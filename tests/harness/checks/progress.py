"""Says how far long work is, and how long it will go on: a line that moves in a terminal, or one now and then."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

SILENCE = 30  # seconds between two lines of a log
T = TypeVar("T")


class Meter:
    """Counts what is done of what there is to do; `uncovered` lets what is printed through to the terminal."""

    def __init__(self, console: Console, doing: str, uncovered: Callable[[], AbstractContextManager[None]]) -> None:
        self.console = console
        self.uncovered = uncovered
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            auto_refresh=False,  # it would take a thread, and this process forks
        )
        self.progress.add_task(doing, total=0)
        (self.task,) = self.progress.tasks
        self.told = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the line be seen, on a line of its own, until the context ends."""
        with self.uncovered():
            if not self.console.is_terminal:
                yield
                return
            self.console.print()
            with self.progress:
                yield

    def show(self, done: int, total: int) -> None:
        self.progress.update(self.task.id, completed=done, total=total)
        if self.console.is_terminal:
            self.progress.refresh()
        elif time.monotonic() - self.told > SILENCE:
            self.told = time.monotonic()
            self.console.print(f"\n{self.line()}")

    def line(self) -> str:
        """Say in words what the bar shows."""
        left = self.task.time_remaining
        remaining = "" if left is None else f", {left:.0f} s left"
        return f"{self.task.description}: {self.task.completed:.0f} of {self.task.total or 0:.0f}{remaining}"

    def each(self, things: Iterable[T], number: int) -> Iterator[T]:
        """Count what passes, beside what passed before."""
        before, total = int(self.task.completed), int(self.task.total or 0) + number
        for place, thing in enumerate(things, before + 1):
            self.show(place, total)
            yield thing
