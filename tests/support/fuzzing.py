# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs mutated inputs through targets: no exception but ours, no 5 seconds, no 500 MB; what is found is kept.

A few inputs for each target run with the other tests, 100,000 altogether with ``make fuzz``. An input that was found
lies in tests/fixtures/fuzz/<target>/ and runs for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import PkiError
from hypothesis import HealthCheck, Phase, given, settings
from mutation import mutated

FOUND = Path(__file__).resolve().parents[1] / "fixtures" / "fuzz"
# Of computing, that of child processes too: a busy machine makes nothing slower.
SECONDS = 5.0
# Of waiting; nothing here waits for anybody.
HANGS = 60.0
MEGABYTES = 500
# Of all targets together; each has its share.
INPUTS = int(os.environ.get("OT_PKI_FUZZ", "0"))
_IN_CI = 300


@dataclass(frozen=True)
class Target:
    """What is fed with mutated inputs.

    :ivar run: takes one input; raises AssertionError if something innocent in the same batch was not done.
    :ivar seeds: makes the real inputs that are mutated.
    :ivar share: of the inputs; those that start processes for each have a small one.
    :ivar batch: an error that ends all is a find, even if it is ours.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    share: float
    batch: bool = False
    made: list[list[bytes]] = field(default_factory=list)

    def inputs(self) -> list[bytes]:
        """The seeds, made once."""
        if not self.made:
            self.made.append(self.seeds())
        return self.made[0]


class Hang(BaseException):
    """An input with which nothing came back; no handler of ``Exception`` takes it."""


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(_number: int, _frame: Any) -> None:
        raise Hang(f"nothing came back within {HANGS:g} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _computed() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _peak() -> int:
    """The most memory that this process has had in use since :func:`_forget_peak`, in octets."""
    with open("/proc/self/status", encoding="ascii") as stream:
        lines = dict(line.split(":", 1) for line in stream)
    return int(lines["VmHWM"].split()[0]) * 1024


def _forget_peak() -> int:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
        stream.write("5")
    return _peak()


def _largest_child() -> int:
    """The most memory that one of the processes started so far had in use, in octets."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def attempt(target: Target, data: bytes) -> str | None:
    """Why an input is a find, or None; a find is told by what happened and where, so that each cause counts once."""
    memory, before = _forget_peak(), _computed()
    try:
        with _alarm():
            target.run(data)
    except PkiError as error:
        if target.batch:
            return f"{type(error).__name__} that ends the whole batch: {str(error)[:60]}"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - panics and hangs are finds as well
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "module_utils" in frame.filename or "plugin_utils" in frame.filename]
        place = (own or frames)[-1]
        text = str(error)[:200] if isinstance(error, AssertionError) else ""
        return f"{type(error).__name__} in {os.path.basename(place.filename)}, line {place.lineno} {text}".strip()
    if _computed() - before > SECONDS:
        return f"more than {SECONDS:g} seconds"
    if _peak() - memory > MEGABYTES << 20:
        return f"more than {MEGABYTES} MB"
    return f"a process of more than {MEGABYTES} MB" if _largest_child() - memory > MEGABYTES << 20 else None


def seeds_and_finds(name: str, target: Target) -> None:
    """What is real, and what was found before."""
    for data in [*target.inputs(), *(path.read_bytes() for path in sorted(FOUND.glob(f"{name}/*.bin")))]:
        problem = attempt(target, data)
        assert problem is None, f"{name}: {problem}: {data[:200]!r}"


def mutations(name: str, target: Target) -> None:
    """The target's share of the inputs; every cause is looked for, not only the first."""
    found: dict[str, bytes] = {}
    count = max(20, int(INPUTS * target.share)) if INPUTS else max(3, int(_IN_CI * target.share))

    @settings(
        max_examples=count,
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
        phases=[Phase.generate],
    )
    @given(data=mutated(target.inputs()))
    def each(data: bytes) -> None:
        problem = attempt(target, data)
        if problem is not None and len(data) < len(found.get(problem, data + b"x")):
            found[problem] = data

    started = time.monotonic()
    each()
    if INPUTS:
        print(f"{name}: {count} inputs, {time.monotonic() - started:.0f} seconds, {len(found)} finds")
        for problem, data in found.items():
            _keep(name, problem, data)
    assert not found, "\n".join(f"{name}: {problem}: {data[:120]!r}" for problem, data in found.items())


def _keep(name: str, problem: str, data: bytes) -> None:
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    path.write_bytes(data)
    print(f"{name}: {problem}: kept as {path}")


def share_of(targets: Mapping[str, Target]) -> float:
    """The sum of the shares."""
    return sum(target.share for target in targets.values())
