"""Show the progress and remaining time of long work, as a bar in a terminal and as periodic lines in a log."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

LOG_INTERVAL = 30  # seconds between two lines of a log
T = TypeVar("T")


class Meter:
    """A progress meter of completed items.

    `uncaptured` suspends pytest's capture of output.
    """

    def __init__(
        self, console: Console, description: str, uncaptured: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self.console = console
        self.uncaptured = uncaptured
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            auto_refresh=False,  # a refresh thread is unsafe: this process forks
        )
        self.progress.add_task(description, total=0)
        (self.task,) = self.progress.tasks
        self.printed = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the progress bar inside a `with` block, if the output is a terminal."""
        with self.uncaptured():
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
        elif time.monotonic() - self.printed > LOG_INTERVAL:
            self.printed = time.monotonic()
            self.console.print(f"\n{self.line()}")

    def line(self) -> str:
        """Format the progress as a line such as `Checks: 3 of 10, 20 s left`."""
        remaining_time = self.task.time_remaining
        remaining = "" if remaining_time is None else f", {remaining_time:.0f} s left"
        return f"{self.task.description}: {self.task.completed:.0f} of {self.task.total or 0:.0f}{remaining}"

    def each(self, things: Iterable[T], number: int) -> Iterator[T]:
        """Yield each item, and count it in the displayed progress."""
        before, total = int(self.task.completed), int(self.task.total or 0) + number
        for place, thing in enumerate(things, before + 1):
            self.show(place, total)
            yield thing
