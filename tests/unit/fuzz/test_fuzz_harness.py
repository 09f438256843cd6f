# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the fuzzing itself promises: all that is to be found is one, and all targets together get what is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

import fuzzing
import pytest
import test_fuzz_answers
import test_fuzz_batches
import test_fuzz_parsers
import test_fuzz_state
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from fuzzing import Target, attempt, share_of


def test_the_shares_are_the_whole() -> None:
    modules = (test_fuzz_parsers, test_fuzz_batches, test_fuzz_state, test_fuzz_answers)
    assert sum(share_of(module.TARGETS) for module in modules) == pytest.approx(1.0, abs=0.02)


def raising(error: BaseException) -> Callable[[bytes], None]:
    def run(_data: bytes) -> None:
        raise error

    return run


def waiting(_data: bytes) -> None:
    time.sleep(10)


def computing(_data: bytes) -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


class Panic(BaseException):
    """As a parser's own panic, no Exception."""


@pytest.mark.parametrize(
    ("run", "batch", "found"),
    [
        (raising(KeyError("x")), False, "KeyError in test_fuzz_harness.py"),
        (raising(Panic("x")), False, "Panic in"),
        (raising(InputError("x")), False, None),
        (raising(InputError("x")), True, "InputError that ends the whole batch"),
        (raising(AssertionError("the innocent one failed")), True, "the innocent one failed"),
        (computing, False, "more than 0.1 seconds"),
        (waiting, False, "Hang in"),
        (lambda _data: None, True, None),
        (lambda _data: bytearray(b"x" * (40 << 20)).clear(), False, "more than 20 MB"),
    ],
)
def test_what_is_a_find(
    run: Callable[[bytes], None], batch: bool, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The usual bounds, except where they are what is tried: on a busy machine everything takes its time.
    if run is computing:
        monkeypatch.setattr(fuzzing, "SECONDS", 0.1)
    if run is waiting:
        monkeypatch.setattr(fuzzing, "HANGS", 0.5)
    monkeypatch.setattr(fuzzing, "MEGABYTES", 20)
    monkeypatch.setattr(fuzzing, "_largest_child", lambda: 0)
    problem = attempt(Target(run, list, 0.0, batch), b"")
    assert (problem is None) if found is None else (problem is not None and found in problem)
