# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress for people who wait at a terminal, and what to tell them when they press Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible import constants
from ansible.utils.display import Display

_SECONDS = 5.0
_WAY_OUT_SECONDS = 2.0
_OVER = b"\xff"  # no signal's number
# ansible-runner, and AWX with it, gives Ansible a terminal of its own; nobody sits there.
_MACHINES = ("AWX_HOST", "AWX_PRIVATE_DATA_DIR", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")
_MACHINE_CALLBACKS = ("json", "awx_display", "junit", "null")


class Progress:
    """How many of how many were done, told now and then to whoever waits at a terminal; elsewhere it is quiet.

    A line beside what a callback writes would spoil its output for whatever reads that.

    :param wanted: whether anybody waits; None: find out.
    :param clock: seconds that never go back.
    """

    def __init__(self, wanted: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = ""
        self._clock = clock
        self._wanted = somebody_waits(os.environ) if wanted is None else wanted
        self._start = self._last = clock()
        self._made = self._of = 0

    def __call__(self, what: str, made: int, of: int) -> None:
        """So many are done.

        :param what: what is done to each, for example "certificates obtained".
        """
        if self._what and what != self._what:
            # Another part of the work begins.
            self._start = self._clock()
        self._what, self._made, self._of = what, made, of
        if not self._wanted:
            return
        now = self._clock()
        if now - self._last < _SECONDS:
            return
        self._last = now
        line = self.line(now)
        if line:
            Display().display(line)

    def line(self, now: float) -> str:
        """How many of how many, how fast, and how long it will still take."""
        rate = self._made / (now - self._start) if now > self._start else 0.0
        if not rate:
            return ""
        shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
        return f"  {self.done}, {shown} a second, about {_duration((self._of - self._made) / rate)} left"

    @property
    def done(self) -> str:
        """How many of how many."""
        return f"{self._made} of {self._of} {self._what}" if self._of else ""


def _duration(seconds: float) -> str:
    minutes = round(seconds) // 60
    return f"{minutes} min {round(seconds) % 60} s" if minutes else f"{seconds:.0f} s"


def somebody_waits(environment: Mapping[str, str]) -> bool:
    """Whether ansible-playbook writes for people to a terminal; this worker's own standard output leads nowhere."""
    callback = str(constants.DEFAULT_STDOUT_CALLBACK).rsplit(".", 1)[-1]
    if any(environment.get(sign) for sign in _MACHINES) or any(name in callback for name in _MACHINE_CALLBACKS):
        return False
    try:
        return os.readlink(f"/proc/{os.getppid()}/fd/1").startswith(("/dev/pts/", "/dev/tty"))
    except OSError:
        return False


@contextlib.contextmanager
def interruptible(action: str, progress: Progress | None = None) -> Iterator[None]:
    """Tell what was done when the run is interrupted, then end the work in order.

    With Ctrl-C a worker gets several signals, from the terminal and from ansible-playbook, which then waits until it
    has ended.

    :param action: the task's action, for the message.
    """
    own, parent = os.getpid(), os.getppid()
    seen = 0

    def end(signum: int, _frame: Any) -> None:
        nonlocal seen
        if os.getpid() != own:
            os._exit(1)  # a process that this one has started
        seen += 1
        if seen > 1:
            return
        # The kernel ends this process if it is not done by then, whatever it waits for.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _WAY_OUT_SECONDS)
        if os.getppid() == parent:
            _tell(parent, _interrupted(action, progress))
        raise KeyboardInterrupt

    with contextlib.ExitStack() as stack:
        # Not in the main thread, it is no worker process of Ansible's.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                stack.callback(signal.signal, number, signal.signal(number, end))
            stack.enter_context(_awake(lambda: seen > 0))
        yield


@contextlib.contextmanager
def _awake(is_seen: Callable[[], bool]) -> Iterator[None]:
    """See to it that the main thread notices a signal.

    One that comes just before that thread goes to sleep, or that the kernel gives to another thread, would only be
    noticed when whatever is waited for has come.
    """
    main = threading.get_ident()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def nudge() -> None:
        with contextlib.suppress(OSError):
            while (number := os.read(reading, 1)) not in (b"", _OVER):
                while number[0] in (signal.SIGINT, signal.SIGTERM) and not is_seen():
                    signal.pthread_kill(main, signal.SIGINT)
                    time.sleep(0.05)

    thread = threading.Thread(target=nudge, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        with contextlib.suppress(OSError):
            os.write(writing, _OVER)
        thread.join(1.0)
        os.close(writing)
        os.close(reading)


def _interrupted(action: str, progress: Progress | None) -> str:
    done = f"{progress.done}; " if progress is not None and progress.done else ""
    return f"Interrupted in {action}: {done}what was completed is kept, and the next run goes on from there\n"


def _tell(process: int, text: str) -> None:
    """Write to where ansible-playbook itself writes its errors; it no longer takes anything from its workers."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/fd/2", "ab", buffering=0) as stream:
        stream.write(text.encode())
