"""A process pool of forks: each inherits what this process has loaded and computed."""

from __future__ import annotations

import gc
import multiprocessing
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Given = TypeVar("Given")
Found = TypeVar("Found")


class Worker:
    """A fork of the pool; `work` is set before it starts, so that it need not be pickled."""

    work: ClassVar[Callable[[Any], Any]]

    @classmethod
    def begin(cls, work: Callable[[Any], Any]) -> None:
        cls.work = staticmethod(work)
        gc.freeze()  # shared pages stay shared: collecting would write to each of them

    @classmethod
    def do(cls, given: Any) -> Any:  # noqa: ANN401 - what the work takes and gives
        return cls.work(given)


@contextmanager
def process_pool(work: Callable[[Given], Found]) -> Iterator[Callable[[Iterable[Given]], Iterator[Found]]]:
    """Yield a function that maps `work` over items on every processor, in their order."""
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), Worker.begin, (work,)) as pool:
        yield lambda things: pool.imap(Worker.do, things)
