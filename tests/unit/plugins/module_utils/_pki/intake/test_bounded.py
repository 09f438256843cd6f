# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work on hostile input ends, whatever the input asks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake import bounded
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.bounded import LimitReached, run_bounded


def children() -> list[str]:
    """Processes of this one, ended ones that nobody waited for included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if parent == str(os.getpid()):
                found.append(entry.name)
    return found


def test_the_result_comes_back() -> None:
    assert run_bounded(lambda: ("state", b"x" * 5_000_000)) == ("state", b"x" * 5_000_000)


def test_endless_work_is_stopped() -> None:
    before = children()

    def forever() -> None:
        while True:
            pass

    with pytest.raises(LimitReached):
        run_bounded(forever, cpu_seconds=1)
    assert children() == before


def test_waiting_is_stopped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "WALL_SECONDS", 0.2)
    reader, writer = os.pipe()
    try:
        with pytest.raises(LimitReached):
            run_bounded(lambda: os.read(reader, 1))
    finally:
        os.close(reader)
        os.close(writer)


def test_too_much_memory_is_not_had() -> None:
    with pytest.raises(LimitReached):
        run_bounded(lambda: len(bytearray(4 << 30)))


def test_a_child_that_dies_is_no_result() -> None:
    with pytest.raises(LimitReached):
        run_bounded(lambda: os.kill(os.getpid(), 9))


def test_an_error_of_the_work_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LimitReached):
        run_bounded(lambda: 1 // 0)
    assert capfd.readouterr() == ("", "")
