# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: one run at a time for each sensor."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
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


def _note(folder: Path, host: str, boot: str, process: int) -> None:
    """A note as a run of some host leaves it, whether it is alive or not."""
    content = {
        "process": process,
        "run": process,
        "host": host,
        "boot": boot,
        "since": "2026-06-01T12:00:00Z",
        "sensors": ["a"],
    }
    (folder / f"{host}-{process}.json").write_text(json.dumps(content))


# No process has this number: it is beyond what the kernel gives.
NOBODY = 2**22 + 1


@pytest.mark.parametrize(
    ("host", "boot", "process", "named"),
    [
        # Whether a process of another host is alive, nobody can tell here: its lock says that it is.
        ("other-host", "another boot", NOBODY, True),
        # The same number is another process here.
        ("other-host", "another boot", os.getpid(), True),
        (socket.gethostname(), locks._boot(), os.getppid(), True),
        (socket.gethostname(), locks._boot(), NOBODY, False),
        # Before this machine was started anew; the number may be anybody's now.
        (socket.gethostname(), "the boot before", os.getpid(), False),
    ],
    # Not by their values: the numbers differ between the processes that run the tests.
    ids=["elsewhere", "elsewhere-same-number", "here", "here-ended", "before-the-start"],
)
def test_host_and_boot_decide_who_is_alive(tmp_path: Path, host: str, boot: str, process: int, named: bool) -> None:
    other = Other(tmp_path, ["a"])
    for own in tmp_path.glob("*.json"):
        own.unlink()
    _note(tmp_path, host, boot, process)
    with locks.hold(str(tmp_path), ["a"], 0) as refused:
        expected = f"process {process} on {host}, which works on it since 2026-06-01T12:00:00Z"
        assert refused == {"a": expected if named else "another run"}
    other.release()


def test_a_run_of_another_host(tmp_path: Path) -> None:
    """With a host name of its own, over the same folder: it is named as what it is."""
    if subprocess.run(["unshare", "--uts", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root, or the right to make namespaces")
    script = (
        "import sys; from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import locks\n"
        "with locks.hold(sys.argv[1], ['a'], 0):\n    print('held', flush=True); sys.stdin.read()"
    )
    there = subprocess.Popen(
        [
            *["unshare", "--uts", "sh", "-c"],
            'hostname other-host && exec "$@"',
            "sh",
            sys.executable,
            "-c",
            script,
            tmp_path,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert there.stdin is not None
    assert there.stdout is not None
    try:
        assert there.stdout.readline() == "held\n"
        with locks.hold(str(tmp_path), ["a", "b"], 0) as refused:
            assert set(refused) == {"a"}
            assert " on other-host, which works on it since " in refused["a"]
    finally:
        there.stdin.close()
        there.wait(timeout=60)
    with locks.hold(str(tmp_path), ["a"], 0) as refused:
        assert refused == {}
