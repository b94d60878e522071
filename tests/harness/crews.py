"""Work that is done on every processor, in forks of this process, which know all that it knows."""

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


class Hand:
    """What a fork does, of which it has heard before it began."""

    work: ClassVar[Callable[[Any], Any]]

    @classmethod
    def begin(cls, work: Callable[[Any], Any]) -> None:
        cls.work = staticmethod(work)
        gc.freeze()  # no fork needs to look for garbage in what all of them share

    @classmethod
    def do(cls, given: Any) -> Any:  # noqa: ANN401 - what the work takes and gives
        return cls.work(given)


@contextmanager
def crew(work: Callable[[Given], Found]) -> Iterator[Callable[[Iterable[Given]], Iterator[Found]]]:
    """Give what does a piece of work for each of many things, in their order."""
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), Hand.begin, (work,)) as pool:
        yield lambda things: pool.imap(Hand.do, things)
