"""A process pool of forks, which inherit the modules and objects of this process."""

from __future__ import annotations

import gc
import multiprocessing
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


class Worker:
    """The function that each forked process of a pool applies to items.

    `work` is set before the fork, and so is not pickled.
    """

    work: ClassVar[Callable[[Any], Any]]

    @classmethod
    def initialise(cls, work: Callable[[Any], Any]) -> None:
        cls.work = staticmethod(work)
        gc.freeze()  # a collection would write to pages that forks share, and copy them

    @classmethod
    def do(cls, item: Any) -> Any:  # noqa: ANN401 - any item and result
        return cls.work(item)


@contextmanager
def process_pool(work: Callable[[Item], Result]) -> Iterator[Callable[[Iterable[Item]], Iterator[Result]]]:
    """Yield a function that maps `work` over items on all processors, and returns the results in order."""
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), Worker.initialise, (work,)) as pool:
        yield lambda items: pool.imap(Worker.do, items)
