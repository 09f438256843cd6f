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
import contextlib
import gc
import mmap
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, NamedTuple, TypeVar

from .._plain.errors import PkiError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Keys that a worker makes before it hands them over: fewer trips than one by one, and little is lost with a worker.
KEYS_AT_ONCE = 4
_WAITING, _BEGUN, _DONE = 0, 1, 2


class _Work(NamedTuple):
    """What a worker inherits.

    :ivar progress: one octet for each item, shared by all processes: whether it was begun and done.
    """

    function: Callable[[Any], Any]
    items: Sequence[Any]
    progress: mmap.mmap
    seconds: float | None


_work: _Work | None = None


class WorkerLost(PkiError):
    """A worker process ended before its work was done (killed, or out of memory)."""


def usable_processors() -> int:
    """How many processors this process may use (a container's or taskset's limit counts)."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on every system
        return max(1, os.cpu_count() or 1)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Inside, the interpreter does not look for objects that only refer to each other.

    A batch makes millions of objects that go when nobody refers to them any more, and next to none of the other kind.
    Looking through all of them, and through what the process held before, again and again, took a quarter of the time.
    Workers that are started inside do not look either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _follow_parent() -> None:
    """End this worker as soon as its parent is gone: a killed run must not leave processes behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _start(work: _Work) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Ctrl-C reaches every process at the terminal; what it means is the parent's business, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _chunk(start: int, stop: int) -> list[Any]:
    if _work is None:
        raise WorkerLost("a worker process was asked to work before it was told what to do")
    results = []
    for position in range(start, stop):
        _work.progress[position] = _BEGUN
        if _work.seconds is not None:
            # Nobody handles the signal: a worker that hangs ends, and its item is known by the progress.
            signal.setitimer(signal.ITIMER_REAL, _work.seconds)
        results.append(_work.function(_work.items[position]))
        signal.setitimer(signal.ITIMER_REAL, 0)
        _work.progress[position] = _DONE
    return results


def process_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 1,
    chunk_size: int = 1,
    lost: Callable[[Item, str], Result] | None = None,
    seconds: float | None = None,
) -> Iterator[Result]:
    """``function`` of every item, in the order of the items, each result as soon as its turn has come.

    :param workers: processes; 1 or fewer items than two chunks: no process is started.
    :param chunk_size: items handed to a worker at once (larger: less overhead, later first result).
    :param lost: makes a result for an item over which a worker was killed, from the item and the reason; the others
        are worked off. Without it the whole call fails.
    :param seconds: how long a worker may take for one item before it is ended.
    :raises WorkerLost: a worker was killed; it says over which item. What ``function`` raises is raised here as well.
    """
    if workers <= 1 or len(items) <= max(1, chunk_size):
        yield from map(function, items)
        return
    work = _Work(function, items, mmap.mmap(-1, len(items)), seconds)
    position = 0
    while position < len(items):
        try:
            for result in _pool(work, position, len(items), workers, max(1, chunk_size)):
                position += 1
                yield result
        except BrokenProcessPool:
            # All workers end with the one that was lost, so each item that was begun may be the one. From here to the
            # last of them every item gets a process of its own.
            begun = [number for number in range(position, len(items)) if work.progress[number] == _BEGUN]
            for number in range(position, (begun[-1] if begun else position) + 1):
                result = _by_itself(work, number, lost)
                position += 1
                yield result


def _by_itself(work: _Work, position: int, lost: Callable[[Any, str], Any] | None) -> Any:
    """The result of one item, in a process of its own."""
    try:
        return next(_pool(work, position, position + 1, 1, 1))
    except BrokenProcessPool as error:
        reason = "the process that worked on it ended; it was killed, hung, or the machine ran out of memory"
        if lost is None:
            raise WorkerLost(f"item {position + 1} of {len(work.items)}: {reason}") from error
        return lost(work.items[position], reason)


def _pool(work: _Work, first: int, end: int, workers: int, chunk_size: int) -> Iterator[Any]:
    """The results of some items; :class:`BrokenProcessPool` if a worker ended."""
    before = set(multiprocessing.active_children())
    starts = iter(range(first, end, chunk_size))
    pending: collections.deque[Future[list[Any]]] = collections.deque()
    executor = ProcessPoolExecutor(
        max_workers=max(1, min(workers, -(-(end - first) // chunk_size))),
        mp_context=multiprocessing.get_context("fork"),
        initializer=_start,
        initargs=(work,),
    )

    def submit() -> None:
        start = next(starts, None)
        if start is not None:
            pending.append(executor.submit(_chunk, start, min(start + chunk_size, end)))

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
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        # Nobody wants the rest: a key of 4096 bits, or a file that takes a minute, is not waited for.
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
