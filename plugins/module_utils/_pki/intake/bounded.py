# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work on hostile input, in a process of its own with a limit of time and memory.

A PKCS#12 file says itself how often its key is derived from the passphrase: with billions of rounds a
library that is asked to open it does not come back, and nothing inside the process can stop it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import resource
import select
import signal
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..._plain.errors import PkiError

Result = TypeVar("Result")

# Two million rounds of PBKDF2 with SHA-256 take about a second; no software asks for more than one million.
CPU_SECONDS = 5
# On a busy machine five seconds of work take longer.
WALL_SECONDS = 30.0
EXTRA_MEMORY = 512 * 1024 * 1024
_MAX_ANSWER = 256 * 1024 * 1024


class LimitReached(PkiError):
    """The work took more time or memory than it may."""


class _Account:
    """Seconds of work that several bounded calls share, across forks: nothing is locked, an approximation will do."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._memory = mmap.mmap(-1, 8)
        self._memory[:] = struct.pack("d", seconds)

    def left(self) -> float:
        return float(struct.unpack("d", self._memory[:])[0])

    def charge(self, seconds: float) -> None:
        self._memory[:] = struct.pack("d", self.left() - seconds)


_accounts: list[_Account] = []


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """All bounded work inside, that of forked workers too, takes at most so many seconds of computing altogether."""
    _accounts.append(_Account(seconds))
    try:
        yield
    finally:
        _accounts.pop()


def run_bounded(function: Callable[[], Result], cpu_seconds: int = CPU_SECONDS) -> Result:
    """The function's result, worked out in a forked process; it must be plain data.

    What travels back (keys may be among it) goes through a pipe and never through a file. The function
    catches its own errors and returns them: a child that ends without an answer counts as stopped.

    :raises LimitReached: it was stopped, or ended without an answer.
    """
    for account in _accounts:
        if account.left() <= 0:
            raise LimitReached(f"the files here have taken {account.seconds:g} seconds to open, which is the most")
        cpu_seconds = max(1, min(cpu_seconds, round(account.left())))
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12+ warns of fork beside threads; the child only computes.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _child(function, reader, writer, cpu_seconds)
    os.close(writer)
    try:
        answer = _read(reader, time.monotonic() + WALL_SECONDS)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _pid, _status, usage = os.wait4(child, 0)
        for account in _accounts:
            account.charge(usage.ru_utime + usage.ru_stime)
    if not answer:
        raise LimitReached(f"it was given up after {cpu_seconds} seconds or {EXTRA_MEMORY >> 20} MiB of memory")
    result: Result = pickle.loads(answer)  # noqa: S301 - written by our own child, through a pipe
    return result


def _child(function: Callable[[], Result], reader: int, writer: int, cpu_seconds: int) -> None:
    """Never returns, and runs nothing of the parent's on its way out."""
    code = 1
    try:
        os.close(reader)
        _limit(cpu_seconds)
        answer = memoryview(pickle.dumps(function()))
        while answer:
            answer = answer[os.write(writer, answer) :]
        code = 0
    except BaseException:  # noqa: BLE001 - a MemoryError most likely; the parent sees that no answer came
        code = 1
    finally:
        os._exit(code)


def _limit(cpu_seconds: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold keys
    # Systems that cannot limit memory (macOS) or do not tell how much is in use do without.
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", "rb") as stream:
        used = int(stream.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + EXTRA_MEMORY, used + EXTRA_MEMORY))


def _read(reader: int, deadline: float) -> bytes:
    """What the child wrote until it closed the pipe; nothing if it took too long."""
    chunks: list[bytes] = []
    size = 0
    while True:
        ready, _writable, _failed = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return b""
        chunk = os.read(reader, 1 << 20)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_ANSWER:
            return b""
