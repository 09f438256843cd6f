# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work spread over processes, from a process that is itself a forked Ansible worker.

Threads do not help: key arithmetic holds the interpreter's lock. ``fork`` is the only start method
that works below an Ansible worker, and it has a second virtue: function and items are inherited, so
nothing (and no secret) is serialized on the way in; only results travel back.
"""

from __future__ import annotations

import collections
import multiprocessing
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

from .._plain.errors import PkiError

Item = TypeVar("Item")
Result = TypeVar("Result")

_work: tuple[Callable[[Any], Any], Sequence[Any]] | None = None


class WorkerLost(PkiError):
    """A worker process ended before its work was done (killed, or out of memory)."""


def usable_processors() -> int:
    """How many processors this process may use (a container's or taskset's limit counts)."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on every system
        return max(1, os.cpu_count() or 1)


def _follow_parent() -> None:
    """End this worker as soon as its parent is gone: a killed run must not leave processes behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _start(function: Callable[[Any], Any], items: Sequence[Any]) -> None:
    global _work
    _work = (function, items)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _chunk(start: int, stop: int) -> list[Any]:
    if _work is None:
        raise WorkerLost("a worker process was asked to work before it was told what to do")
    function, items = _work
    return [function(items[position]) for position in range(start, stop)]


def process_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 1,
    chunk_size: int = 1,
) -> Iterator[Result]:
    """``function`` of every item, in the order of the items, each result as soon as its turn has come.

    :param workers: processes; 1 or fewer items than two chunks: no process is started.
    :param chunk_size: items handed to a worker at once (larger: less overhead, later first result).
    :raises WorkerLost: a worker was killed. What ``function`` raises is raised here as well.
    """
    if workers <= 1 or len(items) <= max(1, chunk_size):
        yield from map(function, items)
        return
    chunk_size = max(1, chunk_size)
    starts = iter(range(0, len(items), chunk_size))
    pending: collections.deque[Future[list[Result]]] = collections.deque()
    executor = ProcessPoolExecutor(
        max_workers=min(workers, -(-len(items) // chunk_size)),
        mp_context=multiprocessing.get_context("fork"),
        initializer=_start,
        initargs=(function, items),
    )

    def submit() -> None:
        start = next(starts, None)
        if start is not None:
            pending.append(executor.submit(_chunk, start, min(start + chunk_size, len(items))))

    try:
        with warnings.catch_warnings():
            # Python 3.12+ warns of fork beside threads; the workers only compute and never take a lock of ours.
            warnings.simplefilter("ignore", DeprecationWarning)
            for _position in range(4 * workers):
                submit()
        while pending:
            results = pending.popleft().result()
            submit()
            yield from results
    except BrokenProcessPool as error:
        raise WorkerLost(
            "a worker process ended before its work was done; it was killed, or the machine ran out of memory"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
