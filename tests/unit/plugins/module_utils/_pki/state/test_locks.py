# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: one run at a time for each sensor."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import locks


def _holder(folder: str, sensors: list[str], pipe: Connection) -> None:
    with locks.hold(folder, sensors, 5) as refused:
        pipe.send(refused)
        pipe.recv()
    pipe.send("released")


class Other:
    """Another run, in a process of its own."""

    def __init__(self, folder: Path, sensors: list[str]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_holder, args=(str(folder), sensors, theirs))
        self.process.start()
        assert self.pipe.recv() == {}

    def release(self) -> None:
        self.pipe.send("go")
        assert self.pipe.recv() == "released"
        self.process.join()

    def kill(self) -> None:
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def test_a_held_sensor_is_refused_and_its_holder_named(tmp_path: Path) -> None:
    other = Other(tmp_path, ["a", "b"])
    with locks.hold(str(tmp_path), ["b", "c"], 0.1) as refused:
        assert set(refused) == {"b"}
        assert f"process {os.getpid()} on" in refused["b"]
    other.release()
    with locks.hold(str(tmp_path), ["b", "c"], 0) as refused:
        assert refused == {}
    assert os.listdir(tmp_path) == ["sensors.lock"]


def test_others_do_not_meet(tmp_path: Path) -> None:
    other = Other(tmp_path, [f"sensor-{number}" for number in range(2000)])
    with locks.hold(str(tmp_path), [f"sensor-{number}" for number in range(2000, 4000)], 0) as refused:
        assert refused == {}
    other.release()


def test_waits_until_released(tmp_path: Path) -> None:
    other = Other(tmp_path, ["a"])
    waiting = multiprocessing.get_context("fork")
    mine, theirs = waiting.Pipe()
    process = waiting.Process(target=_holder, args=(str(tmp_path), ["a"], theirs))
    process.start()
    assert not mine.poll(0.3)
    other.release()
    assert mine.recv() == {}
    mine.send("go")
    process.join()


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    Other(tmp_path, ["a"]).kill()
    with locks.hold(str(tmp_path), ["a"], 0) as refused:
        assert refused == {}
